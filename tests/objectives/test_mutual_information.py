"""The χ upper bound, and that a mismatch is one."""

import math

import pytest
import torch
from torch.distributions import Normal

from pipeline_lib.encoders.gaussians import Gaussian
from pipeline_lib.objectives.elbo import log_density, log_likelihood, standard_log_density
from pipeline_lib.objectives.mutual_information import chi_upper_bound, exchanges, mismatches


def log_weights(q, x, *, slope=3.0, deviation=0.5, count=20_000):
    """Of z ~ N(0, 1), x = slope z + noise; its evidence is known."""
    generator = torch.Generator().manual_seed(0)
    z = q.sample(torch.randn(count, *q.mean.shape, generator=generator, dtype=torch.float64))
    return log_likelihood([(x, slope * z)], deviation) + standard_log_density(z) - log_density(z, q)


def test_equals_the_definition():
    weights = torch.tensor([[1.0, 4.0], [2.0, 0.5], [3.0, 0.25]], dtype=torch.float64)
    expected = [math.log(math.sqrt((1 + 4 + 9) / 3)), math.log(math.sqrt((16 + 0.25 + 0.0625) / 3))]
    assert chi_upper_bound(weights.log()).tolist() == pytest.approx(expected)


def test_it_is_above_the_evidence_and_is_the_evidence_for_the_true_posterior():
    x = torch.tensor([[1.7]], dtype=torch.float64)
    evidence = Normal(0.0, math.sqrt(9 + 0.25)).log_prob(x).item()
    precision = 1 + 9 / 0.25
    true = Gaussian(3 * x / 0.25 / precision, torch.full_like(x, -math.log(precision)))
    assert chi_upper_bound(log_weights(true, x, count=3)).item() == pytest.approx(evidence)
    wide = Gaussian(true.mean, true.log_variance + 1)
    bound = chi_upper_bound(log_weights(wide, x)).item()
    elbo = log_weights(wide, x).mean().item()
    assert elbo < evidence - 0.1 < evidence + 0.1 < bound


def test_ways_take_some_modalities_and_never_all():
    assert exchanges(2).tolist() == [[True, False], [False, True]]
    ways = exchanges(3)
    assert len(ways) == 6
    assert len({tuple(way) for way in ways.tolist()}) == 6
    assert set(ways.sum(1).tolist()) == {1, 2}


def test_a_mismatch_takes_some_modalities_from_other_images():
    torch.manual_seed(0)
    image = torch.arange(600) // 2
    source, counts = mismatches(image, 3)
    assert (image[source] != image).any(0)[counts].all()
    assert (image[source] == image).any(0)[counts].all()
    assert (image[source] == image).all(0)[~counts].float().mean() > 0.3
    assert counts.float().mean() > 0.98


def test_all_ways_to_mismatch_are_as_likely():
    torch.manual_seed(0)
    source, _ = mismatches(torch.arange(6000), 3)
    found = (source != torch.arange(6000)).long().T @ torch.tensor([4, 2, 1])
    share = torch.bincount(found, minlength=8)[1:7] / 6000
    assert share.tolist() == pytest.approx([1 / 6] * 6, abs=0.02)


def test_where_all_samples_are_of_one_image_there_is_no_mismatch():
    assert not mismatches(torch.zeros(9, dtype=torch.long), 2)[1].any()
