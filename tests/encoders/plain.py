"""The published order of operations, written for eyes, and what the encoders' tests compare with it."""

import torch
from torch import nn
from torch.nn.functional import elu

UNTRAINED = ("temporal.bias", "spatial.bias")


class PlainTSConv(nn.Module):
    """The published order of operations: convolve, pool, normalise, ELU, across channels, normalise, ELU, mix."""

    def __init__(self, n_channels, dropout=0.0):
        super().__init__()
        self.temporal = nn.Conv2d(1, 40, (1, 25))
        self.temporal_norm = nn.BatchNorm2d(40)
        self.spatial = nn.Conv2d(40, 40, (n_channels, 1))
        self.spatial_norm = nn.BatchNorm2d(40)
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Conv2d(40, 40, 1)

    def forward(self, epochs):
        pooled = nn.functional.avg_pool2d(self.temporal(epochs.unsqueeze(1)), (1, 51), (1, 5))
        maps = elu(self.spatial_norm(self.spatial(elu(self.temporal_norm(pooled)))))
        maps = self.projection(self.dropout(maps))
        return torch.stack([maps[:, :, 0, t] for t in range(maps.shape[3])], dim=1).flatten(1)


def draw_epochs(n_epochs, n_channels, n_times, offset=0.5, dtype=torch.float32):
    """Smooth signals with a mean, a scale of their own per channel."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(n_epochs, n_channels, n_times, generator=generator, dtype=torch.float64)
    scale = torch.linspace(0.5, 2, n_channels, dtype=torch.float64)[:, None]
    return ((noise.cumsum(-1) * 0.1 + noise) * scale + offset).to(dtype)


def gradients(module, output, weights):
    """Of the weighted sum of the output, for the parameters that are trained, by name."""
    module.zero_grad()
    (output * weights).sum().backward()
    return {name: p.grad for name, p in module.named_parameters() if not name.endswith(UNTRAINED)}


def assert_close(actual, expected, relative):
    """The difference is small beside the whole of what is expected."""
    assert (actual.double() - expected.double()).norm() <= relative * expected.norm() + 1e-12
