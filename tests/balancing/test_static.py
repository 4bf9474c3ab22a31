"""What static weights promise."""

import pytest
import torch

from pipeline_lib.balancing.build import build_balancer
from tests.balancing.properties import claims

NAMES = ["brain-image", "image-text", "guidance"]


@claims(
    static=[
        "order_of_objectives_does_not_matter",
        "scales_with_all_losses",
        "one_objective_keeps_its_gradient",
        "leaves_agreeing_gradients_their_mean_direction",
        "objectives_without_gradient_have_no_say",
        "no_gradient_at_all_is_zero",
        "not_a_number_is_passed_on",
    ]
)
def test_properties(aggregate_by, method, check):
    check(aggregate_by(method))


@pytest.mark.parametrize("norms_every", [0, 1])
@pytest.mark.parametrize(("weights", "shares"), [([], [1 / 3] * 3), ([0.5, 2, 0], [0.5, 2, 0])])
def test_the_gradient_is_the_weighted_sum(toy, loss_params, plain_gradients, norms_every, weights, shares):
    params = loss_params(balancer="static", static={"weights": weights}, norms_every=norms_every)
    expected = plain_gradients(toy, params)
    record = toy.balancer(params).backward(*toy.step(params))
    for name, gradient in toy.gradients().items():
        plain = sum(share * expected[objective][name] for share, objective in zip(shares, NAMES, strict=True))
        torch.testing.assert_close(gradient, plain, rtol=1e-10, atol=1e-14)
    assert [record[f"weight/{name}"].item() for name in NAMES] == pytest.approx(shares)


def test_by_hand(loss_params):
    # L1 = 3x, L2 = x², L3 = 5 at x = 2, weights 0.5, 0.25, 0.25: gradient 1.5 + 1 + 0.
    x = torch.nn.Parameter(torch.tensor(2.0))
    params = loss_params(balancer="static", static={"weights": [0.5, 0.25, 0.25]}, norms_every=1)
    balancer = build_balancer(params, NAMES, {"brain": [x]})
    record = balancer.backward({"brain-image": 3 * x, "image-text": x**2, "guidance": torch.tensor(5.0)}, None)
    assert x.grad.item() == pytest.approx(2.5)
    assert [record[f"grad_norm/{name}"].item() for name in NAMES] == pytest.approx([3, 4, 0])
    assert record["branch_norm/brain"].item() == pytest.approx(2.5)


def test_norms_are_measured_every_so_many_steps(toy, loss_params, plain_gradients):
    params = loss_params(balancer="static", norms_every=2)
    balancer = toy.balancer(params)
    before = [
        sum((g**2).sum() for g in of_loss.values()).sqrt().item() for of_loss in plain_gradients(toy, params).values()
    ]
    logged = []
    for _ in range(3):
        record = balancer.backward(*toy.step(params))
        logged.append([record[f"grad_norm/{name}"].item() for name in NAMES])
        with torch.no_grad():
            [p.sub_(p.grad) for p in toy.parameters()]
    assert logged[0] == pytest.approx(before)
    assert logged[1] == logged[0]
    assert logged[2] != logged[0]


def test_norms_may_be_left_out(toy, loss_params):
    params = loss_params(balancer="static", norms_every=0)
    record = toy.balancer(params).backward(*toy.step(params))
    assert not [key for key in record if key.startswith("grad_norm/")]
