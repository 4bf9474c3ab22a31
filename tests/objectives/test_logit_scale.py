"""What the three kinds of logit scale promise."""

import math

import pytest
import torch

from pipeline_lib.objectives.logit_scale import LogitScale


@pytest.mark.parametrize("kind", ["learned", "fixed", "softplus"])
@pytest.mark.parametrize("temperature", [0.07, 0.5, 3.0])
def test_starts_at_one_over_the_temperature(kind, temperature):
    assert LogitScale(kind, temperature)().item() == pytest.approx(1 / temperature, rel=1e-5)


def test_parameters_by_hand():
    assert LogitScale("learned", 0.07).raw.item() == pytest.approx(2.659, abs=5e-4)
    assert LogitScale("learned", 0.07)().item() == pytest.approx(14.29, abs=0.005)
    # UBP and NeuroBridge: softplus(2.659) = 2.727, a temperature of 0.3667.
    assert LogitScale("softplus", 0.3667).raw.item() == pytest.approx(2.659, abs=5e-4)


def test_fixed_has_nothing_to_learn():
    assert not list(LogitScale("fixed", 0.07).parameters())


@pytest.mark.parametrize("kind", ["learned", "fixed", "softplus"])
def test_travels_in_the_state_dict(kind):
    other = LogitScale(kind, 1.0)
    other.load_state_dict(LogitScale(kind, 0.07).state_dict())
    assert other().item() == pytest.approx(1 / 0.07, rel=1e-5)


def test_learned_is_clipped_at_100_and_comes_back():
    scale = LogitScale("learned", 0.0101)
    optimizer = torch.optim.SGD(scale.parameters(), lr=1e-3)
    for _ in range(5):
        optimizer.zero_grad()
        (-scale()).backward()
        optimizer.step()
    assert scale().item() == pytest.approx(100, rel=1e-5)
    for _ in range(2):
        optimizer.zero_grad()
        scale().backward()
        optimizer.step()
    assert scale().item() < 95


def test_learned_starts_no_higher_than_100():
    assert LogitScale("learned", 0.001)().item() == pytest.approx(100, rel=1e-5)
    assert LogitScale("fixed", 0.001)().item() == pytest.approx(1000, rel=1e-5)


def test_gradients_by_hand():
    learned, soft = LogitScale("learned", 0.5), LogitScale("softplus", 0.5)
    learned().backward()
    soft().backward()
    assert learned.raw.grad.item() == pytest.approx(2.0, rel=1e-5)  # d exp(x) / dx = exp(x)
    assert soft.raw.grad.item() == pytest.approx(1 - math.exp(-2.0), rel=1e-5)  # sigmoid(x), softplus(x) = 2


def test_may_be_asked_twice_before_a_backward_pass():
    scale = LogitScale("learned", 0.07)
    (scale() + scale()).backward()
    assert scale.raw.grad.item() == pytest.approx(2 / 0.07, rel=1e-5)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_refuses_a_temperature_that_is_not_positive(temperature):
    with pytest.raises(ValueError, match="must be positive"):
        LogitScale("learned", temperature)
