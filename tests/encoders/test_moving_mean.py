"""The moving mean of a batch is the one that TSConv takes of a recording."""

import pytest
import torch

from pipeline_lib.encoders.moving_mean import moving_mean
from pipeline_lib.encoders.tsconv import TSConv
from tests.encoders.plain import draw_epochs


def test_is_that_of_tsconv():
    epochs = draw_epochs(3, 4, 90, dtype=torch.float64)
    torch.testing.assert_close(moving_mean(epochs), TSConv(4, 90, 0.0).prepare(epochs), rtol=1e-12, atol=1e-12)


def test_of_a_ramp_is_the_window_s_middle():
    assert moving_mean(torch.arange(53.0).double()[None]).tolist() == [pytest.approx([25, 26, 27])]


def test_takes_matrices_and_batches():
    signals = torch.randn(2, 3, 60)
    torch.testing.assert_close(moving_mean(signals)[1], moving_mean(signals[1]))


def test_large_means_cost_few_digits():
    epochs = draw_epochs(3, 4, 250, offset=1000.0, dtype=torch.float64)
    torch.testing.assert_close(moving_mean(epochs.float()).double(), moving_mean(epochs), rtol=2e-6, atol=0)


def test_its_gradient_is_right():
    signals = torch.randn(1, 2, 55, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(moving_mean, signals)
