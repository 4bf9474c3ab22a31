"""What uncertainty weighting and dynamic weight average promise."""

import math

import pytest
import torch
from torch import nn
from torchjd.scalarization import DWA, UW

from pipeline_lib.balancing.build import build_balancer
from tests.balancing.properties import claims

NAMES = ["brain-image", "image-text", "guidance"]
ANY_WEIGHTS = [
    "order_of_objectives_does_not_matter",
    "scales_with_all_losses",
    "leaves_agreeing_gradients_their_mean_direction",
    "objectives_without_gradient_have_no_say",
    "no_gradient_at_all_is_zero",
    "not_a_number_is_passed_on",
]


@claims(
    dwa=[*ANY_WEIGHTS, "one_objective_keeps_its_gradient"],
    uncertainty=[*ANY_WEIGHTS, "one_objective_keeps_its_direction"],
)
def test_properties_of_the_first_step(aggregate_by, method, check):
    check(aggregate_by(method))


def weights_of(record):
    return [record[f"weight/{name}"].item() for name in NAMES]


def constant_losses(theta, values):
    """Losses of the given values, whatever θ is."""
    return {name: value + 0 * theta.sum() for name, value in zip(NAMES, values, strict=True)}


@pytest.fixture
def balancer_of(loss_params):
    def make(method, **changes):
        theta = nn.Parameter(torch.zeros(2, dtype=torch.float64))
        return theta, build_balancer(loss_params(balancer=method, **changes), NAMES, {"brain": [theta]})

    return make


def test_uncertainty_learns_the_losses_sizes(balancer_of):
    """At rest, s_k = log L_k: each weighted loss is ½."""
    theta, balancer = balancer_of("uncertainty")
    optimizer = torch.optim.Adam([theta, *balancer.learned], lr=0.05)
    for _ in range(500):
        record = balancer.backward(constant_losses(theta, (0.5, 2.0, 8.0)), None)
        optimizer.step()
    assert balancer.learned[0].tolist() == pytest.approx([math.log(x) for x in (0.5, 2, 8)], abs=1e-3)
    assert weights_of(record) == pytest.approx([1, 0.25, 0.0625], rel=1e-2)


def test_uncertainty_equals_the_librarys(toy, loss_params):
    """Gradients of the model and of the log variances, after these have left 0."""
    params = loss_params(balancer="uncertainty")
    balancer, theirs = toy.balancer(params), UW(3).double()
    with torch.no_grad():
        for parameter in (balancer.learned[0], theirs.log_var):
            parameter.copy_(torch.tensor([0.3, -1.0, 2.0]))
    balancer.backward(*toy.step(params))
    ours = [p.grad.clone() for p in [*toy.parameters(), *balancer.learned]]
    losses, _ = toy.step(params)
    for parameter in toy.parameters():
        parameter.grad = None
    theirs(torch.stack(list(losses.values()))).backward()
    for one, other in zip(ours, [*toy.parameters(), theirs.log_var], strict=True):
        torch.testing.assert_close(one, other.grad)


def test_the_optimisers_parameters_are_kept_when_a_state_is_taken_up(balancer_of):
    _, balancer = balancer_of("uncertainty")
    (parameter,) = balancer.learned
    balancer.load_state_dict(balancer.state_dict() | {"log_variances": torch.tensor([1.0, 2.0, 3.0])})
    assert balancer.learned[0] is parameter
    assert parameter.tolist() == [1, 2, 3]


def test_only_uncertainty_has_parameters_of_its_own(toy, loss_params, balancer_name):
    balancer = toy.balancer(loss_params(balancer=balancer_name))
    assert bool(balancer.learned) == (balancer_name == "uncertainty")
    assert not set(balancer.learned) & set(balancer.parameters)


def epoch(balancer, values):
    balancer.end_epoch({"epoch": 1, **{f"train/{name}": value for name, value in zip(NAMES, values, strict=True)}})


def test_dwa_by_hand(balancer_of):
    # Ratios ½, 1, 1 at T = ½: odds exp(-1) : 1 : 1, times 3.
    theta, balancer = balancer_of("dwa", dwa={"temperature": 0.5})
    for values in ((4.0, 1.0, 2.0), (2.0, 1.0, 2.0)):
        assert weights_of(balancer.backward(constant_losses(theta, values), None)) == [1, 1, 1]
        epoch(balancer, values)
    odds = [math.exp(-1), 1, 1]
    expected = [3 * x / sum(odds) for x in odds]
    for _ in range(2):
        record = balancer.backward(constant_losses(theta, (9.0, 9.0, 9.0)), None)
        assert weights_of(record) == pytest.approx(expected)


def test_dwa_equals_the_librarys_over_epochs(balancer_of):
    theta, balancer = balancer_of("dwa")
    theirs, generator = DWA(2.0), torch.Generator().manual_seed(0)
    for _ in range(4):
        batches = torch.rand(3, 3, generator=generator, dtype=torch.float64)
        for values in batches:
            leaf = values.clone().requires_grad_()
            theirs(leaf).backward()
            record = balancer.backward(constant_losses(theta, values), None)
            assert weights_of(record) == pytest.approx(leaf.grad.tolist())
        theirs.step()
        epoch(balancer, batches.mean(0).tolist())
