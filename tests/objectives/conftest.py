"""Fixtures for objectives."""

import pytest
import torch
from torch.nn.functional import normalize

from pipeline_lib.common.params import validated
from pipeline_lib.objectives.params import LossParams


@pytest.fixture
def embeddings():
    """Make three different sets of unit vectors in float64."""

    def make(n_items, dim, seed=0):
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randn(3, n_items, dim, generator=generator, dtype=torch.float64)
        return tuple(normalize(drawn, dim=2))

    return make


@pytest.fixture
def loss_params(params):
    """The shipped section `loss` with some top-level values replaced."""

    def make(**changes):
        return validated({"loss": params["loss"] | changes}, "loss", LossParams)

    return make
