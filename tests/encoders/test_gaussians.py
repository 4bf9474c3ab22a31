"""Products of experts and their mixture, by hand and against torch.distributions."""

import math

import pytest
import torch
from torch.distributions import Normal

from pipeline_lib.encoders.gaussians import Gaussian, mixture_of_products, product, subsets


def gaussian(mean, variance):
    return Gaussian(torch.tensor(mean, dtype=torch.float64), torch.tensor(variance, dtype=torch.float64).log())


def random_gaussian(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    draw = lambda: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    return Gaussian(draw(), draw())


def test_a_product_by_hand():
    # Precisions 1 and 1/4 and 2: together 13/4; means 1, 5 and -1 weigh 1, 1/4 and 2.
    joint = product([gaussian([1.0], [1.0]), gaussian([5.0], [4.0]), gaussian([-1.0], [0.5])])
    assert joint.mean.item() == pytest.approx((1 + 5 / 4 - 2) / (13 / 4))
    assert joint.log_variance.exp().item() == pytest.approx(4 / 13)


def test_a_product_is_proportional_to_the_product_of_the_densities():
    experts = [random_gaussian(seed, 4) for seed in range(3)]
    joint = product(experts)
    z = torch.linspace(-2, 2, 7, dtype=torch.float64)[:, None]

    def log_density(q):
        return Normal(q.mean, (q.log_variance / 2).exp()).log_prob(z)

    difference = sum(map(log_density, experts)) - log_density(joint)
    torch.testing.assert_close(difference, difference[:1].expand_as(difference))


def test_one_expert_is_its_own_product():
    expert = random_gaussian(0, 3, 2)
    for part, expected in zip(product([expert]), expert, strict=True):
        torch.testing.assert_close(part, expected)


def test_a_sure_expert_decides_and_the_numbers_stay_finite():
    joint = product([gaussian([3.0], [1e-40]), gaussian([-7.0], [1e30])])
    assert joint.mean.item() == 3
    assert joint.log_variance.item() == pytest.approx(-40 * math.log(10))


def test_subsets_are_all_but_the_empty_one():
    assert subsets(["a", "b", "c"]) == [("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("b", "c"), ("a", "b", "c")]


def test_the_mixture_has_a_product_for_each_subset():
    experts = {name: random_gaussian(seed, 5, 2) for seed, name in enumerate("abc")}
    joint = mixture_of_products(experts)
    assert joint.mean.shape == (7, 5, 2)
    for k, subset in enumerate(subsets(list(experts))):
        expected = product([experts[name] for name in subset])
        assert torch.equal(joint.mean[k], expected.mean)
        assert torch.equal(joint.log_variance[k], expected.log_variance)


def test_each_item_gets_its_own_component():
    joint = random_gaussian(0, 3, 4, 2)
    component = torch.tensor([2, 0, 1, 2])
    chosen = joint.chosen(component)
    for item, k in enumerate(component):
        assert torch.equal(chosen.mean[item], joint.mean[k, item])
        assert torch.equal(chosen.log_variance[item], joint.log_variance[k, item])


def test_samples_have_the_mean_and_deviation():
    q = gaussian([2.0, -1.0], [9.0, 0.25])
    samples = q.sample(torch.randn(40_000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    assert samples.mean(0).tolist() == pytest.approx([2, -1], abs=0.05)
    assert samples.std(0).tolist() == pytest.approx([3, 0.5], rel=0.02)
