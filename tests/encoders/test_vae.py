"""Shapes, types and the plain formula of the autoencoder's networks."""

import pytest
import torch

from pipeline_lib.encoders.vae import LatentGuess, Vae, perceptron


def plain(network, x):
    """Linear maps with a ReLU between them, entry by entry, in float64."""
    for part in network:
        x = part.weight.double() @ x + part.bias.double() if isinstance(part, torch.nn.Linear) else x.clamp(min=0)
    return x


def test_a_perceptron_has_so_many_hidden_layers():
    widths = [(p.in_features, p.out_features) for p in perceptron(5, 7, 3) if isinstance(p, torch.nn.Linear)]
    assert widths == [(5, 7), (7, 7), (7, 7)]


def test_the_posterior_is_mean_and_log_variance_of_the_plain_formula():
    vae, x = Vae(5, 2, hidden=7, layers=2), torch.randn(3, 5)
    posterior = vae.encode(x)
    for i in range(3):
        expected = plain([*vae.encoder, vae.posterior], x[i].double())
        assert torch.cat([posterior.mean[i], posterior.log_variance[i]]).tolist() == pytest.approx(
            expected.tolist(), abs=1e-6
        )


def test_reconstructions_keep_leading_dimensions():
    vae, z = Vae(5, 2, hidden=7, layers=1), torch.randn(4, 3, 2)
    assert vae.decode(z).shape == (4, 3, 5)
    assert vae.decode(z)[1, 2].tolist() == pytest.approx(plain(vae.decoder, z[1, 2].double()).tolist(), abs=1e-6)


def test_a_guess_has_one_hidden_layer():
    guess, x = LatentGuess(5, 2, hidden=6), torch.randn(3, 5)
    assert guess(x)[0].tolist() == pytest.approx(plain(guess.network, x[0].double()).tolist(), abs=1e-6)


def test_autocast_leaves_what_comes_out_in_the_weights_type():
    vae, guess = Vae(5, 2, hidden=7, layers=2), LatentGuess(5, 2, hidden=6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = [*vae.encode(torch.randn(3, 5)), vae.decode(torch.randn(3, 2)), guess(torch.randn(3, 5))]
    assert {part.dtype for part in found} == {torch.float32}
