"""What GradNorm promises."""

import pytest
import torch
from torch import nn

from pipeline_lib.balancing.build import build_balancer
from pipeline_lib.balancing.gradnorm import next_weights, relative_rate
from tests.balancing.properties import claims

NAMES = ["brain-image", "image-text"]


@claims(
    gradnorm=[
        "order_of_objectives_does_not_matter",
        "scales_with_all_losses",
        "one_objective_keeps_its_gradient",
        "leaves_agreeing_gradients_their_mean_direction",
        "objectives_without_gradient_have_no_say",
        "no_gradient_at_all_is_zero",
        "not_a_number_is_passed_on",
    ]
)
def test_properties_of_the_first_step(aggregate_by, method, check):
    check(aggregate_by(method))


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_next_weights_by_hand():
    # Pulls 4 and 1, mean 2.5, both lag alike: w = (1 - 0.1 · 4, 1 + 0.1 · 1) = (0.6, 1.1), times 2 / 1.7.
    weights = next_weights(tensor(1, 1), tensor(4, 1), tensor(1, 1), alpha=1.5, learning_rate=0.1)
    assert weights.tolist() == pytest.approx([1.2 / 1.7, 2.2 / 1.7])


def test_next_weights_follow_the_slope_of_the_papers_loss():
    weights, norms, rate = tensor(0.5, 1.5, 1.0), tensor(2, 0.3, 1), tensor(0.8, 1.3, 0.9)
    leaf = weights.clone().requires_grad_()
    target = ((leaf * norms).mean() * rate**1.5).detach()
    (leaf * norms - target).abs().sum().backward()
    stepped = weights - 0.01 * leaf.grad
    found = next_weights(weights, norms, rate, alpha=1.5, learning_rate=0.01)
    torch.testing.assert_close(found, 3 * stepped / stepped.sum())


def test_weights_stay_positive_and_sum_to_the_number_of_objectives():
    weights = next_weights(tensor(1, 1, 1), tensor(1e3, 1, 0), tensor(1, 1, 1), alpha=0.0, learning_rate=1.0)
    assert weights.sum().item() == pytest.approx(3)
    assert (weights > 0).all()


def test_relative_rate_by_hand():
    # ½ and 1 are left of the losses: divided by their mean, ⅔ and 4/3.
    assert relative_rate(tensor(1, 3), tensor(2, 3)).tolist() == pytest.approx([2 / 3, 4 / 3])


@pytest.mark.parametrize(("now", "first"), [((0, 0), (1, 1)), ((1, 1), (0, 0)), ((-1, -1), (2, 2))])
def test_nothing_can_be_said_of_losses_that_are_not_positive(now, first):
    assert relative_rate(tensor(*now), tensor(*first)).tolist() == [1, 1]


def run(loss_params, slopes, steps, **gradnorm):
    """Train θ down losses 1 + slope_k · θ_k; the records."""
    theta = nn.Parameter(torch.zeros(2, dtype=torch.float64))
    balancer = build_balancer(loss_params(balancer="gradnorm", gradnorm=gradnorm), NAMES, {"brain": [theta]})
    return [balancer.backward(dict(zip(NAMES, 1 + tensor(*slopes) * theta, strict=True)), None) for _ in range(steps)]


def test_pulls_become_equal(loss_params):
    record = run(loss_params, (4.0, 1.0), 400, alpha=0.0, learning_rate=0.002)[-1]
    pulls = [(record[f"weight/{name}"] * record[f"grad_norm/{name}"]).item() for name in NAMES]
    assert pulls[0] == pytest.approx(pulls[1], rel=0.02)


def test_the_first_step_is_the_plain_sum(loss_params):
    first, second = run(loss_params, (4.0, 1.0), 2)
    assert [first[f"weight/{name}"].item() for name in NAMES] == [1, 1]
    assert second["weight/brain-image"] < 1 < second["weight/image-text"]
