"""The bound's parts against torch.distributions, and the bound against an evidence that is known."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from pipeline_lib.encoders.gaussians import Gaussian
from pipeline_lib.objectives.elbo import (
    divergence_from_prior,
    joint_divergence,
    log_density,
    log_likelihood,
    standard_log_density,
)


@pytest.fixture
def q():
    generator = torch.Generator().manual_seed(3)
    draw = lambda: torch.randn(7, 4, 5, generator=generator, dtype=torch.float64)  # noqa: E731
    return Gaussian(2 * draw(), draw())


def normal(q):
    return Normal(q.mean, (q.log_variance / 2).exp())


def test_divergence_is_that_of_torch(q):
    expected = kl_divergence(normal(q), Normal(torch.zeros(()).double(), torch.ones(()).double())).sum(-1)
    torch.testing.assert_close(divergence_from_prior(q), expected)


def test_divergence_by_hand():
    # mean 2, variance e: ½ (e + 4 − 1 − 1)
    found = divergence_from_prior(Gaussian(torch.tensor([2.0]), torch.tensor([1.0])))
    assert found.item() == pytest.approx((math.e + 2) / 2)
    assert divergence_from_prior(Gaussian(torch.zeros(3), torch.zeros(3))).item() == 0


def test_joint_divergence_bounds_that_of_the_mixture(q):
    """KL of the mixture itself, by many samples, is not above the mean of the components'."""
    torch.testing.assert_close(joint_divergence(q), divergence_from_prior(q).mean(0))
    item = Gaussian(q.mean[:, 0], q.log_variance[:, 0])
    generator = torch.Generator().manual_seed(0)
    z = item.sample(torch.randn(4000, 7, 5, generator=generator, dtype=torch.float64)).flatten(0, 1)
    log_q = torch.logsumexp(log_density(z[:, None], item), dim=1) - math.log(7)
    mixture = (log_q - standard_log_density(z)).mean()
    assert mixture < joint_divergence(q)[0]


def test_densities_are_those_of_torch(q):
    x = torch.linspace(-1, 1, 5, dtype=torch.float64)
    torch.testing.assert_close(log_density(x, q), normal(q).log_prob(x).sum(-1))
    torch.testing.assert_close(standard_log_density(q.mean), Normal(0.0, 1.0).log_prob(q.mean).sum(-1))


def test_likelihood_is_the_sum_over_modalities():
    generator = torch.Generator().manual_seed(1)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    pairs = [(draw(4, 3), draw(6, 4, 3)), (draw(4, 8), draw(6, 4, 8))]
    expected = sum(Normal(mean, 0.75).log_prob(x).sum(-1) for x, mean in pairs)
    torch.testing.assert_close(log_likelihood(pairs, 0.75), expected)


def test_the_bound_of_the_true_posterior_is_the_evidence():
    """z ~ N(0, 1), x = 3 z + noise of deviation 0.5: q and log p(x) are known."""
    x, slope, deviation = torch.tensor([[1.7]]).double(), 3.0, 0.5
    precision = 1 + slope**2 / deviation**2
    q = Gaussian(slope * x / deviation**2 / precision, torch.full_like(x, -math.log(precision)))
    z = q.sample(torch.randn(200_000, 1, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    bound = log_likelihood([(x, slope * z)], deviation).mean() - divergence_from_prior(q)
    evidence = Normal(0.0, math.sqrt(slope**2 + deviation**2)).log_prob(x)
    assert bound.item() == pytest.approx(evidence.item(), abs=0.01)
