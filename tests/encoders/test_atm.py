"""ATM-S: tokens, transformer layer, subjects."""

import pytest
import torch
from torch import nn

from pipeline_lib.common.errors import InputError
from pipeline_lib.encoders.atm import Atm
from pipeline_lib.encoders.transformer_layer import TransformerLayer
from tests.encoders.plain import PlainTSConv, assert_close, draw_epochs, gradients


def torch_layer(layer):
    """torch's own transformer layer with the same parameters; it knows widths that the number of heads divides."""
    width, hidden = layer.out.out_features, layer.expand.out_features
    other = nn.TransformerEncoderLayer(
        width, layer.heads, hidden, 0.0, activation="gelu", batch_first=True, dtype=torch.float64
    )
    none = torch.zeros(width, dtype=torch.float64)
    other.self_attn.in_proj_weight.data = torch.cat([layer.query.weight, layer.key.weight, layer.value.weight])
    other.self_attn.in_proj_bias.data = torch.cat([layer.query.bias, none, none])
    pairs = [
        (other.self_attn.out_proj, layer.out),
        (other.linear1, layer.expand),
        (other.linear2, layer.contract),
        (other.norm1, layer.attention_norm),
        (other.norm2, layer.norm),
    ]
    for its, ours in pairs:
        its.load_state_dict(ours.state_dict())
    return other


def scatter(module):
    """Parameters far from their starting values, so that each one matters."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.2)
    return module


@pytest.fixture
def make():
    """Make an encoder without dropout."""

    def encoder(n_channels=5, n_times=100, n_subjects=3, drop_last_channel=False):
        torch.manual_seed(0)
        return Atm(n_channels, n_times, n_subjects, 0.0, 0.0, drop_last_channel)

    return encoder


def test_the_layer_equals_torch_s_own():
    layer = scatter(TransformerLayer(20, 4, 7, dropout=0.0).double())
    tokens = torch.randn(3, 6, 20, dtype=torch.float64)
    torch.testing.assert_close(layer(tokens), torch_layer(layer)(tokens), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("width", [250, 201])
def test_the_layer_takes_widths_that_heads_do_not_divide(width):
    layer = TransformerLayer(width, 4, 256, dropout=0.25)
    assert layer(torch.randn(2, 5, width)).shape == (2, 5, width)
    assert layer.query.out_features == 4 * (width // 4)


@pytest.mark.parametrize("drop_last_channel", [False, True])
def test_equals_the_plain_order(make, drop_last_channel):
    encoder = scatter(make(drop_last_channel=drop_last_channel).double())
    epochs = draw_epochs(6, 5, 100, dtype=torch.float64)
    subject = torch.tensor([0, 2, 1, 1, 0, 2])
    convolutions = PlainTSConv(5).double()
    convolutions.load_state_dict(encoder.tsconv.state_dict())
    tokens = [
        torch.stack(
            [encoder.shared_token + encoder.subject_tokens[s]]
            + [encoder.embedding.weight @ epoch[c] + encoder.positions[c] for c in range(5)]
        )
        for epoch, s in zip(epochs, subject, strict=True)
    ]
    transformed = torch_layer(encoder.layer)(torch.stack(tokens))
    kept = [0, 1, 2, 3, 4] if drop_last_channel else [1, 2, 3, 4, 5]
    torch.testing.assert_close(encoder(epochs, subject), convolutions(transformed[:, kept]), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("n_channels", [17, 63, 271])
@pytest.mark.parametrize(("n_times", "dim"), [(200, 1040), (201, 1040), (250, 1440)])
def test_width_of_the_output(make, n_channels, n_times, dim):
    encoder = make(n_channels, n_times)
    assert encoder.dim == dim
    assert encoder(encoder.prepare(torch.randn(2, n_channels, n_times))).shape == (2, dim)


def test_all_channels_reach_the_convolutions_unless_told_otherwise(make):
    """The position of a channel that is cut off cannot be seen once attention hands nothing over."""
    for drop_last_channel, seen in ((False, True), (True, False)):
        encoder = make(drop_last_channel=drop_last_channel)
        nn.init.zeros_(encoder.layer.value.weight)
        encoder(draw_epochs(4, 5, 100)).square().sum().backward()
        assert (encoder.positions.grad.abs().amax(1) > 0).tolist() == [True] * 4 + [seen]


def test_channels_attend_to_each_other(make):
    encoder, epochs = scatter(make()).eval(), draw_epochs(4, 5, 100)
    seen = encoder.layer(encoder.embedding(epochs))
    epochs[:, 4] = -epochs[:, 4]
    assert ((encoder.layer(encoder.embedding(epochs)) - seen)[:, :4].abs().amax(2) > 1e-3).all()


def test_before_training_all_subjects_are_somebody_else(make):
    encoder, epochs = make().eval(), draw_epochs(4, 5, 100)
    assert torch.equal(encoder(epochs, torch.tensor([0, 1, 2, 0])), encoder(epochs))


def test_each_subject_has_a_token(make):
    encoder = scatter(make()).eval()
    epochs = draw_epochs(1, 5, 100).expand(3, -1, -1)
    known, unknown = encoder(epochs, torch.arange(3)), encoder(epochs)
    assert torch.cdist(known, known)[[0, 0, 1], [1, 2, 2]].min() > 1e-4
    assert (known - unknown).norm(dim=1).min() > 1e-4
    torch.testing.assert_close(unknown[0], unknown[1])


def test_a_subject_trains_its_own_token_and_the_shared_one(make):
    encoder = make()
    output = encoder(draw_epochs(4, 5, 100), torch.tensor([1, 1, 1, 1]))
    found = gradients(encoder, output, torch.randn_like(output))
    assert (found["subject_tokens"].abs().amax(1) > 0).tolist() == [False, True, False]
    assert found["shared_token"].abs().max() > 0


def test_gradients_reach_every_trained_parameter(make):
    encoder = make()
    output = encoder(draw_epochs(6, 5, 100), torch.tensor([0, 1, 2, 0, 1, 2]))
    for name, gradient in gradients(encoder, output, torch.randn_like(output)).items():
        assert gradient is not None, name
        assert gradient.abs().max() > 1e-7, name


def test_one_backward_pass_serves_several_losses(make):
    encoder = make()
    output = encoder(draw_epochs(4, 5, 100), torch.tensor([0, 1, 2, 0]))
    seeds = torch.randn(2, *output.shape)
    parameters = [p for p in encoder.parameters() if p.requires_grad]
    together = torch.autograd.grad(output, parameters, seeds, is_grads_batched=True, retain_graph=True)
    for k in range(2):
        one_by_one = torch.autograd.grad(output, parameters, seeds[k], retain_graph=True)
        for batched, alone in zip(together, one_by_one, strict=True):
            assert_close(batched[k], alone, 1e-4)


def test_dropout_acts_in_training_only():
    encoder, epochs = Atm(5, 100, 1, dropout=0.0, attention_dropout=0.25), draw_epochs(4, 5, 100)
    assert not torch.equal(encoder(epochs), encoder(epochs))
    encoder.eval()
    assert torch.equal(encoder(epochs), encoder(epochs))


def test_tokens_are_dropped_too():
    encoder, epochs = Atm(5, 100, 1, dropout=0.0, attention_dropout=0.25), draw_epochs(4, 5, 100)
    encoder.layer.dropout.p = 0.0
    assert not torch.equal(encoder(epochs), encoder(epochs))


def test_rows_do_not_depend_on_each_other_in_evaluation(make):
    encoder, epochs = make().eval(), draw_epochs(4, 5, 100)
    torch.testing.assert_close(encoder(epochs)[2:3], encoder(epochs[2:3]), rtol=0, atol=1e-6)


def test_same_seed_same_weights(make):
    assert all(torch.equal(a, b) for a, b in zip(make().parameters(), make().parameters(), strict=True))


def test_bad_input_is_refused(make):
    with pytest.raises(InputError, match="at least 2 channels, these epochs have 1"):
        make(n_channels=1)
    with pytest.raises(InputError, match=r"at least 75 samples.*these have 60"):
        make(n_times=60)
    with pytest.raises(ValueError, match=r"epochs must have shape \(n_epochs, 5, 100\), got \(2, 5, 50\)"):
        make()(torch.randn(2, 5, 50))
    with pytest.raises(ValueError, match=r"subject must have shape \(4,\), got \(3,\)"):
        make()(draw_epochs(4, 5, 100), torch.tensor([0, 1, 2]))
    with pytest.raises(IndexError):
        make()(draw_epochs(1, 5, 100), torch.tensor([3]))
