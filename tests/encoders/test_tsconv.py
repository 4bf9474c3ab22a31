"""What TSConv promises: the function of the plain formulation, with its parameters, gradients and statistics."""

import pytest
import torch
from torch import nn

from pipeline_lib.common.errors import InputError
from pipeline_lib.encoders import window_filters
from pipeline_lib.encoders.tsconv import TSConv
from tests.encoders.plain import PlainTSConv, assert_close, draw_epochs, gradients

SHAPES = [(63, 250), (7, 101), (3, 75), (1, 93)]


@pytest.fixture
def pair():
    """A TSConv and a plain one in float64 with the same parameters, the biases that play no part among them."""

    def make(n_channels, n_times, dtype=torch.float32):
        torch.manual_seed(0)
        fast, plain = TSConv(n_channels, n_times, dropout=0.0), PlainTSConv(n_channels)
        nn.init.normal_(fast.temporal.bias)
        nn.init.normal_(fast.spatial.bias)
        nn.init.normal_(fast.temporal_norm.bias, std=0.3)
        nn.init.normal_(fast.spatial_norm.bias, std=0.3)
        plain.load_state_dict(fast.state_dict())
        return fast.to(dtype), plain.double()

    return make


@pytest.mark.parametrize(("n_channels", "n_times"), SHAPES)
def test_equals_the_plain_order_in_training(pair, n_channels, n_times):
    fast, plain = pair(n_channels, n_times)
    epochs = draw_epochs(24, n_channels, n_times)
    output, expected = fast(fast.prepare(epochs)), plain(epochs.double())
    assert output.shape == (24, fast.dim)
    torch.testing.assert_close(output.double(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("n_channels", "n_times"), SHAPES)
def test_gradients_equal_those_of_the_plain_order(pair, n_channels, n_times):
    fast, plain = pair(n_channels, n_times)
    epochs = draw_epochs(24, n_channels, n_times)
    weights = torch.randn(24, fast.dim, generator=torch.Generator().manual_seed(2))
    expected = gradients(plain, plain(epochs.double()), weights)
    for name, gradient in gradients(fast, fast(fast.prepare(epochs)), weights).items():
        assert_close(gradient, expected[name], 1e-4)


@pytest.mark.parametrize("training", [True, False])
def test_equals_the_plain_order_to_the_last_digits_of_float64(pair, training):
    fast, plain = pair(5, 120, torch.float64)
    epochs = draw_epochs(9, 5, 120, dtype=torch.float64)
    for _ in range(2):
        fast(fast.prepare(epochs)), plain(epochs)
    fast.train(training), plain.train(training)
    weights = torch.randn(9, fast.dim, dtype=torch.float64)
    output, expected = fast(fast.prepare(epochs)), plain(epochs)
    torch.testing.assert_close(output, expected, rtol=1e-9, atol=1e-11)
    expected = gradients(plain, expected, weights)
    for name, gradient in gradients(fast, output, weights).items():
        assert_close(gradient, expected[name], 1e-9)


def test_running_statistics_equal_those_of_the_plain_order(pair):
    fast, plain = pair(7, 101)
    for n_epochs in (12, 5, 1):
        epochs = draw_epochs(n_epochs, 7, 101, offset=n_epochs)
        fast(fast.prepare(epochs)), plain(epochs.double())
    expected = dict(plain.named_buffers())
    for name, statistic in fast.named_buffers():
        torch.testing.assert_close(statistic, expected[name].to(statistic.dtype), rtol=1e-5, atol=1e-6)


def test_equals_the_plain_order_in_evaluation(pair):
    fast, plain = pair(63, 250)
    for step in range(3):
        epochs = draw_epochs(8, 63, 250, offset=step)
        fast(fast.prepare(epochs)), plain(epochs.double())
    fast.eval(), plain.eval()
    with torch.no_grad():
        output = fast(fast.prepare(epochs)).double()
    torch.testing.assert_close(output, plain(epochs.double()), rtol=0, atol=1e-5)
    before = fast.temporal_norm.running_mean.clone()
    fast(fast.prepare(epochs))
    assert torch.equal(fast.temporal_norm.running_mean, before)


def test_takes_a_plain_state_dict_and_gives_one(pair):
    fast, plain = pair(7, 101)
    plain(draw_epochs(6, 7, 101, dtype=torch.float64))
    fast.load_state_dict(plain.state_dict())
    assert {k: v.shape for k, v in fast.state_dict().items()} == {k: v.shape for k, v in plain.state_dict().items()}


def test_statistics_survive_a_large_mean(pair):
    """Second moments of uncentred float32 windows would be off by percents."""
    epochs = draw_epochs(16, 7, 101, offset=0, dtype=torch.float64)
    epochs = epochs / epochs.std() + 1000
    mean, covariance = window_filters.window_moments(epochs.float(), 25, 5)
    windows = epochs.unfold(2, 25, 5).reshape(-1, 25)
    torch.testing.assert_close(mean.double(), windows.mean(0), rtol=1e-6, atol=0)
    assert_close(covariance.double(), torch.cov(windows.T, correction=0), 1e-4)


def test_gradients_reach_the_epochs(pair):
    fast, plain = pair(4, 90, torch.float64)
    weights = torch.randn(3, fast.dim, dtype=torch.float64)
    for training in (True, False):
        fast.train(training), plain.train(training)
        epochs, plain_epochs = (draw_epochs(3, 4, 90, dtype=torch.float64).requires_grad_() for _ in range(2))
        (fast(fast.prepare(epochs)) * weights).sum().backward()
        (plain(plain_epochs) * weights).sum().backward()
        assert_close(epochs.grad, plain_epochs.grad, 1e-9)


def test_chunks_do_not_change_the_result(pair, monkeypatch):
    fast, _ = pair(7, 101, torch.float64)
    epochs = fast.prepare(draw_epochs(10, 7, 101, dtype=torch.float64))
    weights = torch.randn(10, fast.dim, dtype=torch.float64)
    whole = fast(epochs)
    expected = gradients(fast, whole, weights)
    for rows in (1, 3 * 7 * fast.n_steps):
        monkeypatch.setattr(window_filters, "ROWS_IN_CACHE", rows)
        output = fast(epochs)
        torch.testing.assert_close(output, whole, rtol=1e-10, atol=1e-12)
        for name, gradient in gradients(fast, output, weights).items():
            assert_close(gradient, expected[name], 1e-10)


def test_one_backward_pass_serves_several_losses(pair):
    """Gradient aggregators ask for the gradients of several losses at once, through vmap, and keep the graph."""
    fast, _ = pair(4, 90)
    output = fast(fast.prepare(draw_epochs(5, 4, 90)))
    seeds = torch.randn(2, *output.shape)
    parameters = [p for p in fast.parameters() if p.requires_grad]
    together = torch.autograd.grad(output, parameters, seeds, is_grads_batched=True, retain_graph=True)
    for k in range(2):
        one_by_one = torch.autograd.grad(output, parameters, seeds[k], retain_graph=True)
        for batched, alone in zip(together, one_by_one, strict=True):
            assert_close(batched[k], alone, 1e-4)


def test_several_losses_reach_the_epochs_at_once(pair):
    """An encoder that puts something trained in front of TSConv asks for this."""
    fast, _ = pair(4, 90)
    epochs = draw_epochs(5, 4, 90).requires_grad_()
    output = fast(fast.prepare(epochs))
    seeds = torch.randn(2, *output.shape)
    together = torch.autograd.grad(output, epochs, seeds, is_grads_batched=True, retain_graph=True)[0]
    for k in range(2):
        assert_close(together[k], torch.autograd.grad(output, epochs, seeds[k], retain_graph=True)[0], 1e-4)


def test_rows_do_not_depend_on_each_other_in_evaluation(pair):
    fast, _ = pair(7, 101)
    fast.eval()
    prepared = fast.prepare(draw_epochs(6, 7, 101))
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(fast(prepared[order]), fast(prepared)[order], rtol=0, atol=1e-6)
    torch.testing.assert_close(fast(prepared[2:3]), fast(prepared)[2:3], rtol=0, atol=1e-6)


def test_order_of_the_batch_does_not_matter_in_training(pair):
    fast, _ = pair(7, 101)
    prepared = fast.prepare(draw_epochs(6, 7, 101))
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(fast(prepared[order]), fast(prepared)[order], rtol=0, atol=1e-5)


def test_a_constant_recording_gives_finite_values(pair):
    fast, _ = pair(4, 90)
    output = fast(fast.prepare(torch.ones(3, 4, 90)))
    output.sum().backward()
    assert output.isfinite().all()
    assert all(p.grad.isfinite().all() for p in fast.parameters() if p.requires_grad)


def test_extreme_values_do_not_overflow(pair):
    fast, plain = pair(4, 90)
    fast.eval(), plain.eval()
    epochs = draw_epochs(3, 4, 90) * 1e6
    output = fast(fast.prepare(epochs))
    assert output.isfinite().all()
    assert_close(output, plain(epochs.double()), 1e-5)


@pytest.mark.parametrize(("n_times", "dim"), [(250, 1440), (200, 1040), (201, 1040), (75, 40), (79, 40), (80, 80)])
def test_width_of_the_output(n_times, dim):
    encoder = TSConv(2, n_times, dropout=0.5)
    assert encoder.dim == dim
    assert encoder(encoder.prepare(torch.randn(3, 2, n_times))).shape == (3, dim)


def test_starting_values():
    torch.manual_seed(0)
    encoder = TSConv(63, 250, dropout=0.5)
    assert encoder.spatial.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert encoder.spatial.weight.mean().item() == pytest.approx(0, abs=5e-4)
    norms = torch.cat([encoder.temporal_norm.weight, encoder.spatial_norm.weight])
    assert norms.mean().item() == pytest.approx(1, abs=0.01)
    assert norms.std().item() == pytest.approx(0.02, rel=0.3)


def test_dropout_acts_in_training_only():
    encoder = TSConv(3, 100, dropout=0.9)
    prepared = encoder.prepare(draw_epochs(4, 3, 100))
    assert not torch.equal(encoder(prepared), encoder(prepared))
    encoder.eval()
    assert torch.equal(encoder(prepared), encoder(prepared))


def test_autocast_does_not_coarsen_the_filters(pair):
    fast, _ = pair(4, 90)
    prepared = fast.prepare(draw_epochs(8, 4, 90))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        fast(prepared)
    coarse = fast.temporal_norm.running_var.clone()
    fast.temporal_norm.reset_running_stats()
    fast(prepared)
    assert torch.equal(coarse, fast.temporal_norm.running_var)


def test_too_short_epochs_are_refused_with_the_number_needed():
    with pytest.raises(InputError, match=r"at least 75 samples.*these have 74.*encoder\.name: flat"):
        TSConv(63, 74, dropout=0.5)


def test_epochs_that_were_not_prepared_are_refused():
    encoder = TSConv(3, 100, dropout=0.5)
    with pytest.raises(ValueError, match=r"prepared epochs must have shape \(n_epochs, 3, 50\), got \(2, 3, 100\)"):
        encoder(torch.randn(2, 3, 100))
    with pytest.raises(ValueError, match=r"epochs must have shape \(n_epochs, 3, 100\), got \(2, 4, 100\)"):
        encoder.prepare(torch.randn(2, 4, 100))
