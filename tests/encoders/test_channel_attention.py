"""What both encoders with attention between channels promise; each is compared with its equations, in plain order."""

import pytest
import torch
from torch import nn

from pipeline_lib.common.errors import InputError
from pipeline_lib.encoders.moving_mean import moving_mean
from pipeline_lib.encoders.tsconv_ga import GraphAttentionTSConv
from pipeline_lib.encoders.tsconv_sa import SelfAttentionTSConv
from tests.encoders.plain import assert_close, draw_epochs, gradients
from tests.encoders.plain_attention import PlainGraphAttention, PlainSelfAttention

KINDS = [SelfAttentionTSConv, GraphAttentionTSConv]
OWN = {
    SelfAttentionTSConv: ["query.weight", "query.bias", "key.weight"],
    GraphAttentionTSConv: ["weight", "receiver", "sender"],
}


PLAIN = {SelfAttentionTSConv: PlainSelfAttention, GraphAttentionTSConv: PlainGraphAttention}


@pytest.fixture(params=KINDS)
def make(request):
    """Make an encoder without dropout (unless asked for) with parameters that differ from each other."""

    def encoder(n_channels=6, n_times=101, attention_dropout=0.0, dtype=torch.float32):
        torch.manual_seed(0)
        encoder = request.param(n_channels, n_times, 0.0, attention_dropout)
        if request.param is SelfAttentionTSConv:
            nn.init.normal_(encoder.query.bias)
        return encoder.to(dtype)

    return encoder


def both(encoder, epochs):
    """Outputs of the encoder and of its plain order, dropping the same weights."""
    plain = PLAIN[type(encoder)](encoder)
    plain.train(encoder.training)
    torch.manual_seed(3)
    output = encoder(encoder.prepare(epochs))
    torch.manual_seed(3)
    return output, plain(epochs.double()), plain


@pytest.mark.parametrize("training", [True, False])
def test_equals_the_plain_order_to_the_last_digits_of_float64(make, training):
    """Standardising leaves a channel 0.001 % of the others' power: the one difference, and it is switched off."""
    encoder = make(attention_dropout=0.3, dtype=torch.float64).train(training)
    epochs = draw_epochs(9, 6, 101, dtype=torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline_lib.encoders.tsconv_sa.FLAT", 0.0)
        output, expected, plain = both(encoder, epochs)
    torch.testing.assert_close(output, expected, rtol=1e-9, atol=1e-11)
    weights = torch.randn(9, encoder.dim, dtype=torch.float64)
    expected = gradients(plain, expected, weights)
    for name, gradient in gradients(encoder, output, weights).items():
        key = name if name.startswith("tsconv.") else name.replace(".", "_")
        assert_close(gradient, expected[key], 1e-8)


@pytest.mark.parametrize(("n_channels", "n_times"), [(63, 250), (17, 200)])
def test_equals_the_plain_order_in_float32(make, n_channels, n_times):
    output, expected, _ = both(make(n_channels, n_times), draw_epochs(12, n_channels, n_times))
    torch.testing.assert_close(output.double(), expected, rtol=0, atol=3e-5)


@pytest.mark.parametrize("n_channels", [17, 63, 271])
@pytest.mark.parametrize(("n_times", "dim"), [(200, 1040), (250, 1440)])
def test_width_of_the_output(make, n_channels, n_times, dim):
    encoder = make(n_channels, n_times)
    assert encoder.dim == dim
    assert encoder(encoder.prepare(torch.randn(3, n_channels, n_times))).shape == (3, dim)


def test_weights_are_means_over_channels(make):
    weights = make().attention(draw_epochs(4, 6, 101))
    assert weights.shape == (4, 6, 6)
    assert (weights > 0).all()
    torch.testing.assert_close(weights.sum(2), torch.ones(4, 6))
    assert weights.std(2).min() > 1e-4


def test_a_channel_depends_on_the_other_channels(make):
    """The released NICE-SA fails this."""
    encoder, epochs = make(), draw_epochs(4, 6, 101)
    changed = epochs.clone()
    changed[:, 4] = draw_epochs(8, 6, 101)[4:, 0]
    others = [0, 1, 2, 3, 5]
    difference = encoder.mixed_means(changed)[:, others] - encoder.mixed_means(epochs)[:, others]
    assert (difference.abs().amax(2) > 1e-3).all()
    assert torch.equal(moving_mean(changed)[:, others], moving_mean(epochs)[:, others])


def test_the_output_depends_on_each_parameter_of_the_attention(make):
    encoder, epochs = make(), draw_epochs(4, 6, 101)
    before = encoder.mixed_means(epochs)
    for name in OWN[type(encoder)]:
        parameter = encoder.get_parameter(name).data
        kept = parameter.clone()
        parameter += 0.3 * torch.randn_like(parameter)
        assert ((encoder.mixed_means(epochs) - before).abs().amax((1, 2)) > 1e-3).all(), name
        parameter.copy_(kept)
    assert torch.equal(encoder.mixed_means(epochs), before)


def test_every_epoch_of_a_batch_attends(make):
    """The released NICE-GA joins the channels of the first epoch only."""
    encoder, epochs = make().eval(), draw_epochs(5, 6, 101)
    mixed = encoder.mixed_means(epochs)
    assert ((mixed - moving_mean(epochs)).abs().amax(2) > 1e-3).all()
    for k in range(5):
        torch.testing.assert_close(mixed[k : k + 1], encoder.mixed_means(epochs[k : k + 1]), rtol=0, atol=1e-5)


def test_channels_in_another_order_give_outputs_in_that_order(make):
    encoder, epochs = make(), draw_epochs(4, 6, 101)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(encoder.mixed_means(epochs[:, order]), encoder.mixed_means(epochs)[:, order])
    expected = encoder.attention(epochs)[:, order][:, :, order]
    torch.testing.assert_close(encoder.attention(epochs[:, order]), expected)


@pytest.mark.parametrize("unit", [1e-13, 1e-6, 1e6])
def test_the_unit_of_the_data_does_not_matter_to_attention(make, unit):
    encoder, epochs = make(), draw_epochs(4, 6, 101)
    torch.testing.assert_close(encoder.attention(epochs * unit), encoder.attention(epochs), rtol=0, atol=1e-5)
    torch.testing.assert_close(
        encoder.mixed_means(epochs * unit) / unit, encoder.mixed_means(epochs), atol=1e-4, rtol=0
    )


def test_gradients_reach_every_trained_parameter(make):
    encoder = make(attention_dropout=0.3)
    output = encoder(draw_epochs(8, 6, 101))
    found = gradients(encoder, output, torch.randn_like(output))
    assert set(OWN[type(encoder)]) < set(found)
    for name, gradient in found.items():
        assert gradient is not None, name
        assert gradient.abs().max() > 1e-6, name


def test_one_backward_pass_serves_several_losses(make):
    """Gradient aggregators ask for the gradients of several losses at once, through vmap."""
    encoder = make(attention_dropout=0.3)
    output = encoder(draw_epochs(5, 6, 101))
    seeds = torch.randn(2, *output.shape)
    parameters = [p for p in encoder.parameters() if p.requires_grad]
    together = torch.autograd.grad(output, parameters, seeds, is_grads_batched=True, retain_graph=True)
    for k in range(2):
        one_by_one = torch.autograd.grad(output, parameters, seeds[k], retain_graph=True)
        for batched, alone in zip(together, one_by_one, strict=True):
            assert_close(batched[k], alone, 1e-4)


def test_dropout_drops_weights_in_training_only(make):
    encoder, epochs = make(attention_dropout=0.3), draw_epochs(4, 6, 101)
    assert not torch.equal(encoder.mixed_means(epochs), encoder.mixed_means(epochs))
    encoder.eval()
    assert torch.equal(encoder(epochs), encoder(epochs))
    encoder.train().attention_dropout.p = 1.0
    assert torch.equal(encoder.mixed_means(epochs), moving_mean(epochs))


def test_same_seed_same_weights(make):
    assert all(torch.equal(a, b) for a, b in zip(make().parameters(), make().parameters(), strict=True))


def test_subjects_are_treated_alike(make):
    encoder, epochs = make().eval(), draw_epochs(4, 6, 101)
    assert torch.equal(encoder(epochs, torch.tensor([0, 1, 2, 0])), encoder(epochs))


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_a_constant_recording_gives_finite_values(make, value):
    encoder = make()
    output = encoder(torch.full((3, 6, 101), value))
    output.sum().backward()
    assert output.isfinite().all()
    assert all(p.grad.isfinite().all() for p in encoder.parameters() if p.requires_grad)


def test_a_flat_channel_does_not_become_noise(make):
    """Rounding errors of a flat channel are no signal, however far they are scaled up."""
    encoder, epochs = make(), draw_epochs(3, 6, 101)
    epochs[:, 2] = 0.1
    assert encoder(epochs).isfinite().all()
    weights = encoder.attention(epochs)
    epochs[:, 2] += 1e-6 * torch.randn(3, 101)
    torch.testing.assert_close(encoder.attention(epochs), weights, rtol=0, atol=1e-4)


def test_epochs_kept_in_bfloat16_are_computed_in_float32(make):
    encoder, epochs = make(), draw_epochs(3, 6, 101).bfloat16()
    assert torch.equal(encoder(epochs), encoder(epochs.float()))


def test_autocast_leaves_the_time_courses_as_they_are(make):
    encoder, epochs = make(), draw_epochs(3, 6, 101)
    encoder.attention_dropout.p = 1.0
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = encoder.mixed_means(epochs)
    assert torch.equal(mixed, moving_mean(epochs))


@pytest.mark.parametrize("kind", KINDS)
def test_one_channel_has_nothing_to_attend_to(kind):
    with pytest.raises(InputError, match=r"at least 2 channels, these epochs have 1; set encoder\.name: tsconv$"):
        kind(1, 250, 0.5, 0.3)


@pytest.mark.parametrize("kind", KINDS)
def test_too_short_epochs_are_refused(kind):
    with pytest.raises(InputError, match=r"at least 75 samples.*these have 74"):
        kind(6, 74, 0.5, 0.3)


def test_epochs_of_another_shape_are_refused(make):
    with pytest.raises(ValueError, match=r"epochs must have shape \(n_epochs, 6, 101\), got \(2, 5, 101\)"):
        make()(torch.randn(2, 5, 101))
