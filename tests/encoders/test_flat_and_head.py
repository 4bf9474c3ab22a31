"""What the flat encoder and the projection head promise."""

import math

import pytest
import torch

from pipeline_lib.encoders.flat import FlatEncoder
from pipeline_lib.encoders.head import ProjectionHead


def test_flat_lays_out_channel_after_channel():
    encoder = FlatEncoder(2, 3)
    epochs = torch.arange(12.0).view(2, 2, 3)
    assert encoder.dim == 6
    assert encoder(encoder.prepare(epochs)).tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]


def test_flat_serves_data_without_a_time_axis():
    encoder = FlatEncoder(224, 1)
    assert encoder(encoder.prepare(torch.randn(5, 224, 1))).shape == (5, 224)


def test_flat_refuses_rows_of_another_width():
    with pytest.raises(ValueError, match=r"\(n_epochs, 6\), got \(2, 5\)"):
        FlatEncoder(2, 3)(torch.zeros(2, 5))


def test_head_equals_the_definition():
    head = ProjectionHead(5, 4, dropout=0.2).double().eval()
    features = torch.randn(3, 5, dtype=torch.float64)
    for row, result in zip(features, head(features), strict=True):
        x = head.linear.weight @ row + head.linear.bias
        active = torch.tensor([v * 0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x.tolist()], dtype=torch.float64)
        y = x + head.residual.weight @ active + head.residual.bias
        expected = (y - y.mean()) / torch.sqrt(((y - y.mean()) ** 2).mean() + 1e-5)
        torch.testing.assert_close(result, expected * head.norm.weight + head.norm.bias, rtol=1e-9, atol=1e-10)


def test_head_drops_the_residual_only():
    torch.manual_seed(0)
    head = ProjectionHead(5, 4, dropout=0.5)
    torch.nn.init.normal_(head.residual.weight)
    features = torch.randn(64, 5)
    assert not torch.equal(head(features), head(features))
    torch.nn.init.zeros_(head.residual.weight)
    assert torch.equal(head(features), head(features))


def test_head_does_not_care_about_the_scale_it_starts_at():
    """The first map starts small (sd 0.02); LayerNorm brings its output to unit deviation all the same."""
    head = ProjectionHead(512, 256, dropout=0.2).eval()
    assert head(torch.randn(20, 512)).std().item() == pytest.approx(1, abs=0.05)
