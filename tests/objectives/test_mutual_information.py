"""The χ upper bound, what is averaged, and that a mismatch is one."""

import math

import pytest
import torch
from torch.distributions import Normal

from pipeline_lib.encoders.gaussians import Gaussian
from pipeline_lib.objectives.elbo import log_density, log_likelihood, standard_log_density
from pipeline_lib.objectives.mutual_information import chi_upper_bound, contrast, exchanges, mismatches


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


def test_evidences_are_averaged_within_a_way_and_logarithms_over_ways():
    bounds = torch.tensor([1.0, 3.0, 2.0, 8.0, 100.0]).double().log()
    way = torch.tensor([0, 0, 2, 2, 1])
    counts = torch.tensor([True, True, True, True, False])
    expected = (math.log(2) + math.log(5)) / 2
    assert contrast(bounds, way, counts, n_ways=4).item() == pytest.approx(expected)


def test_no_mismatch_costs_nothing_and_gradients_stay_finite():
    bounds = torch.tensor([1.0, -2000.0], requires_grad=True)
    cost = contrast(bounds, torch.tensor([0, 1]), torch.tensor([False, False]), n_ways=6)
    cost.backward()
    assert cost.item() == 0
    assert bounds.grad.tolist() == [0, 0]


def test_gradients_of_few_items_are_finite():
    bounds = torch.tensor([1.0, -2000.0, 3.0], requires_grad=True)
    contrast(bounds, torch.tensor([0, 1, 1]), torch.tensor([True, True, False]), n_ways=6).backward()
    assert bounds.grad.tolist() == [0.5, 0.5, 0]


def test_ways_take_some_modalities_and_never_all():
    assert exchanges(2).tolist() == [[True, False], [False, True]]
    ways = exchanges(3)
    assert len(ways) == 6
    assert len({tuple(way) for way in ways.tolist()}) == 6
    assert set(ways.sum(1).tolist()) == {1, 2}


def test_a_mismatch_takes_what_its_way_says_from_other_images():
    torch.manual_seed(0)
    image = torch.arange(500) // 2
    source, way, counts = mismatches(image, 3)
    taken = exchanges(3)[way].T
    itself = torch.arange(500)
    assert torch.equal(source[~taken], itself.expand(3, -1)[~taken])
    assert ((image[source] != image) | ~taken)[:, counts].all()
    assert ((image[source] == image) & taken).any(0)[~counts].all()
    assert counts.float().mean() > 0.98
    assert torch.bincount(way, minlength=6).min() > 50


def test_where_all_samples_are_of_one_image_there_is_no_mismatch():
    assert not mismatches(torch.zeros(9, dtype=torch.long), 2)[2].any()
