"""What stochastic perturbation regularization promises."""

import pytest
import torch
from torch import nn

from pipeline_lib.balancing.spr import GradientNoise


@pytest.fixture
def noise(loss_params):
    def make(total_steps=10, seed=0, **spr):
        params = loss_params(spr={"enabled": True} | spr).spr
        return GradientNoise(params, total_steps, torch.Generator().manual_seed(seed))

    return make


def with_gradient(gradient):
    parameter = nn.Parameter(torch.zeros_like(gradient))
    parameter.grad = gradient.clone()
    return parameter


def test_annealing_by_hand(noise):
    # σ_max (1 - t / T)^β
    assert [noise(sigma_max=0.2, beta=1.0).sigma(t) for t in (0, 5, 10)] == pytest.approx([0.2, 0.1, 0])
    assert [noise(4, sigma_max=1.0, beta=2.0).sigma(t) for t in range(5)] == pytest.approx(
        [1, 9 / 16, 1 / 4, 1 / 16, 0]
    )
    assert noise(sigma_max=0.2, beta=0.0).sigma(9) == pytest.approx(0.2)


def test_absolute_noise_has_the_deviation_of_the_step(noise):
    parameter = with_gradient(torch.full((400, 500), 3.0))
    noise(sigma_max=0.2, relative=False).apply(5, [parameter])
    assert parameter.grad.mean().item() == pytest.approx(3, abs=1e-3)
    assert parameter.grad.std().item() == pytest.approx(0.1, rel=0.01)


def test_relative_noise_is_in_units_of_each_gradient(noise):
    generator = torch.Generator().manual_seed(3)
    parameters = [with_gradient(scale * torch.randn(300, 300, generator=generator) + 7) for scale in (1e-4, 50.0)]
    before = [p.grad.clone() for p in parameters]
    noise(sigma_max=0.2).apply(0, parameters)
    for parameter, gradient in zip(parameters, before, strict=True):
        assert (parameter.grad - gradient).std().item() == pytest.approx(0.2 * gradient.std().item(), rel=0.02)


def test_equals_the_definition(noise):
    gradient = torch.randn(5, 4, dtype=torch.float64)
    parameter = with_gradient(gradient)
    noise(total_steps=8, seed=11, sigma_max=0.3, beta=2.0).apply(2, [parameter])
    drawn = torch.randn(5, 4, generator=torch.Generator().manual_seed(11), dtype=torch.float64)
    mean = sum(gradient.flatten().tolist()) / 20
    deviation = (sum((x - mean) ** 2 for x in gradient.flatten().tolist()) / 20) ** 0.5
    torch.testing.assert_close(parameter.grad, gradient + 0.3 * (1 - 2 / 8) ** 2 * deviation * drawn)


def test_nothing_is_left_at_the_end(noise):
    parameter = with_gradient(torch.ones(3))
    for step in (10, 11):
        noise(relative=False).apply(step, [parameter])
    assert parameter.grad.tolist() == [1, 1, 1]


def test_disabled_does_nothing(noise):
    parameter = with_gradient(torch.randn(3))
    before = parameter.grad.clone()
    noise(enabled=False).apply(0, [parameter])
    assert torch.equal(parameter.grad, before)


def test_same_seed_same_noise(noise):
    results = []
    for seed in (1, 1, 2):
        parameter = with_gradient(torch.arange(6.0))
        noise(seed=seed).apply(0, [parameter])
        results.append(parameter.grad)
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_goes_on_from_a_saved_state(noise, tmp_path):
    straight, resumed = noise(seed=1), noise(seed=2)
    straight.apply(0, [with_gradient(torch.arange(6.0))])
    torch.save(straight.state_dict(), tmp_path / "state.pt")
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    one, other = with_gradient(torch.arange(6.0)), with_gradient(torch.arange(6.0))
    straight.apply(1, [one]), resumed.apply(1, [other])
    assert torch.equal(one.grad, other.grad)


def test_parameters_without_gradient_and_single_numbers_are_left_alone(noise):
    bare, single = nn.Parameter(torch.zeros(3)), with_gradient(torch.tensor(2.0))
    noise().apply(0, [bare, single])
    assert bare.grad is None
    assert single.grad.item() == 2


def test_the_noise_enters_adams_moments(noise):
    """Equations 18 and 19: both moments are of gradient plus noise."""
    parameter = with_gradient(torch.ones(1000, dtype=torch.float64))
    noise(sigma_max=0.5, relative=False).apply(0, [parameter])
    noisy = parameter.grad.clone()
    optimizer = torch.optim.Adam([parameter], lr=1e-3, betas=(0.5, 0.999))
    optimizer.step()
    state = optimizer.state[parameter]
    torch.testing.assert_close(state["exp_avg"], 0.5 * noisy)
    torch.testing.assert_close(state["exp_avg_sq"], 0.001 * noisy**2)


def test_combines_with_any_balancer(toy, loss_params, noise, balancer_name):
    """The same noise, in units of whatever gradient the balancer left, and none on the balancer's own parameters."""
    params = loss_params(balancer=balancer_name)
    balancer = toy.balancer(params)
    balancer.backward(*toy.step(params))
    before, own = toy.gradients(), [p.grad.clone() for p in balancer.learned]
    noise(seed=3).apply(0, toy.parameters())
    generator = torch.Generator().manual_seed(3)
    for name, gradient in before.items():
        drawn = torch.randn(gradient.shape, generator=generator, dtype=gradient.dtype)
        expected = gradient + 0.1 * gradient.std(correction=0) * drawn
        torch.testing.assert_close(dict(toy.named_parameters())[name].grad, expected)
    assert all(torch.equal(p.grad, g) for p, g in zip(balancer.learned, own, strict=True))


def test_refuses_a_run_without_steps(noise):
    with pytest.raises(ValueError, match="total_steps must be at least 1, got 0"):
        noise(total_steps=0)
