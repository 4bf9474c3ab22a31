"""What dynamic loss adjustment promises."""

import math

import pytest
import torch

from pipeline_lib.balancing.build import build_balancer
from pipeline_lib.balancing.dla import dla_weights
from tests.balancing.properties import assert_scales_with_all_losses, claims

NAMES = ["brain-image", "image-text", "guidance"]


COMMON = [
    "order_of_objectives_does_not_matter",
    "one_objective_keeps_its_gradient",
    "objectives_without_gradient_have_no_say",
    "no_gradient_at_all_is_zero",
    "not_a_number_is_passed_on",
]


@claims(dla=[*COMMON, "leaves_agreeing_gradients_their_mean_direction"])
def test_properties_over_all_parameters(aggregate_by, method, check):
    check(aggregate_by(method))


@claims(dla=COMMON)
def test_properties_over_the_heads(aggregate_by, method, check):
    check(lambda rows: aggregate_by(method)(rows, dla={"scope": "heads"}))


def test_norms_divided_by_their_sum_make_scale_irrelevant(aggregate_by):
    assert_scales_with_all_losses(lambda rows: aggregate_by("dla")(rows, dla={"normalize": "sum"}))


def plain_weights(norms, previous, temperature, epsilon=1e-8, normalize="none"):
    """Equations 8 and 9 with plain numbers."""
    rates = (
        [0.0] * len(norms)
        if previous is None
        else [abs(g - p) / (p + epsilon) for g, p in zip(norms, previous, strict=True)]
    )
    terms = [g * (1 + r) for g, r in zip(norms, rates, strict=True)]
    if normalize == "sum":
        terms = [term / sum(terms) for term in terms]
    highest = max(terms)
    powers = [math.exp((term - highest) / temperature) for term in terms]
    return [power / sum(powers) for power in powers]


def plain_norm(gradients, of=lambda name: True):
    return math.sqrt(sum(float(x) ** 2 for name, g in gradients.items() if of(name) for x in g.flatten()))


def weights_of(norms, previous=None, *, temperature=0.07, epsilon=1e-8, normalize="none"):
    norms, previous = (x if x is None else torch.tensor(x, dtype=torch.float64) for x in (norms, previous))
    return dla_weights(norms, previous, temperature=temperature, epsilon=epsilon, normalize=normalize).tolist()


@pytest.mark.parametrize("normalize", ["none", "sum"])
@pytest.mark.parametrize("temperature", [0.07, 1.0, 10.0])
@pytest.mark.parametrize("previous", [None, [0.3, 0.5, 0.1]])
def test_weights_equal_the_definition(normalize, temperature, previous):
    norms = [0.2, 0.6, 0.25]
    options = {"temperature": temperature, "normalize": normalize}
    assert weights_of(norms, previous, **options) == pytest.approx(plain_weights(norms, previous, **options), rel=1e-10)


def test_weights_by_hand():
    # First step: softmax(g / T), odds exp(ln 2 / 1) = 2.
    assert weights_of([math.log(2), 0.0], temperature=1.0) == pytest.approx([2 / 3, 1 / 3])
    # Second: g = (2, 1) after (1, 1): r = (1, 0), terms (4, 1), divided by T = 3: odds e.
    odds = math.e
    assert weights_of([2.0, 1.0], [1.0, 1.0], temperature=3.0) == pytest.approx([odds / (1 + odds), 1 / (1 + odds)])
    # Divided by their sum: terms (0.8, 0.2), T = 0.6: odds e again.
    weights = weights_of([2.0, 1.0], [1.0, 1.0], temperature=0.6, normalize="sum")
    assert weights == pytest.approx([odds / (1 + odds), 1 / (1 + odds)])


def test_a_falling_norm_counts_as_change_too():
    # g = (1, 1) after (2, 1): r = (½, 0).
    assert weights_of([1.0, 1.0], [2.0, 1.0], temperature=0.5)[0] == pytest.approx(math.e / (1 + math.e))


@pytest.mark.parametrize("norms", [[0.1, 5.0, 2.0], [0.0, 0.0, 0.0], [1e6, 1e-6, 1.0], [1e-12, 1e-12, 0.0]])
@pytest.mark.parametrize("normalize", ["none", "sum"])
def test_weights_are_shares(norms, normalize):
    for previous in (None, [0.0, 1.0, 1e-3]):
        weights = weights_of(norms, previous, normalize=normalize)
        assert sum(weights) == pytest.approx(1)
        assert all(0 <= weight <= 1 for weight in weights)


def test_extreme_temperatures():
    assert weights_of([1.0, 2.0, 3.0], temperature=1e-6) == pytest.approx([0, 0, 1])
    assert weights_of([1.0, 2.0, 3.0], temperature=1e6) == pytest.approx([1 / 3] * 3, rel=1e-5)


def test_order_of_the_objectives_does_not_matter():
    straight = weights_of([0.1, 0.3, 0.2], [0.2, 0.2, 0.2])
    assert weights_of([0.2, 0.1, 0.3], [0.2] * 3) == pytest.approx([straight[2], straight[0], straight[1]])


@pytest.mark.parametrize("scope", ["all", "heads"])
@pytest.mark.parametrize("normalize", ["none", "sum"])
def test_steps_equal_the_definition(toy, loss_params, plain_gradients, scope, normalize):
    """Three steps: weights from the plain norms, gradient = Σ w ∇L of gradients taken one by one."""
    params = loss_params(balancer="dla", dla={"scope": scope, "normalize": normalize, "temperature": 0.5})
    of = (lambda name: name.split(".")[0] in ("brain", "image", "text")) if scope == "heads" else (lambda name: True)
    balancer, previous = toy.balancer(params), None
    for _ in range(3):
        gradients = plain_gradients(toy, params)
        norms = [plain_norm(gradients[name], of) for name in NAMES]
        weights = plain_weights(norms, previous, 0.5, normalize=normalize)
        record = balancer.backward(*toy.step(params))
        assert [record[f"weight/{name}"].item() for name in NAMES] == pytest.approx(weights, rel=1e-8)
        assert [record[f"grad_norm/{name}"].item() for name in NAMES] == pytest.approx(norms, rel=1e-8)
        for key, gradient in toy.gradients().items():
            expected = sum(w * gradients[name][key] for w, name in zip(weights, NAMES, strict=True))
            torch.testing.assert_close(gradient, expected, rtol=1e-8, atol=1e-12)
        previous = norms
        with torch.no_grad():
            [p.sub_(0.3 * p.grad) for p in toy.parameters()]


def test_by_hand(loss_params):
    # L1 = 3a + 4b: g = 5. L2 = 4a: g = 4. T = 1: w = (e, 1) / (1 + e).
    a, b = (torch.nn.Parameter(torch.tensor(1.0)) for _ in range(2))
    params = loss_params(balancer="dla", objectives=["brain-image", "image-text"], dla={"temperature": 1.0})
    balancer = build_balancer(params, params.objectives, {"brain": [a], "image": [b]})
    record = balancer.backward({"brain-image": 3 * a + 4 * b, "image-text": 4 * a}, None)
    w = math.e / (1 + math.e)
    assert record["weight/brain-image"].item() == pytest.approx(w)
    assert a.grad.item() == pytest.approx(3 * w + 4 * (1 - w))
    assert b.grad.item() == pytest.approx(4 * w)
    assert record["branch_norm/image"].item() == pytest.approx(4 * w)


def test_both_scopes_give_the_same_gradient_when_everything_is_a_head(make_toy, loss_params):
    toys = make_toy(), make_toy()
    for toy, scope in zip(toys, ("all", "heads"), strict=True):
        params = loss_params(balancer="dla", dla={"scope": scope})
        heads = [p for branch in toy.branches.values() for p in branch]
        build_balancer(params, NAMES, toy.branches, heads).backward(*toy.step(params))
    for one, other in zip(toys[0].parameters(), toys[1].parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-10, atol=1e-14)


def test_weights_stand_still_between_updates(toy, loss_params, plain_gradients):
    params = loss_params(balancer="dla", dla={"every": 3, "temperature": 0.5})
    balancer, logged, norms = toy.balancer(params), [], []
    for _ in range(4):
        gradients = plain_gradients(toy, params)
        norms.append([plain_norm(gradients[name]) for name in NAMES])
        record = balancer.backward(*toy.step(params))
        logged.append([record[f"weight/{name}"].item() for name in NAMES])
        for key, gradient in toy.gradients().items():
            expected = sum(w * gradients[name][key] for w, name in zip(logged[-1], NAMES, strict=True))
            torch.testing.assert_close(gradient, expected, rtol=1e-8, atol=1e-12)
        with torch.no_grad():
            [p.sub_(0.3 * p.grad) for p in toy.parameters()]
    assert logged[0] == logged[1] == logged[2]
    assert logged[3] == pytest.approx(plain_weights(norms[3], norms[0], 0.5), rel=1e-8)


def test_the_first_step_knows_no_change(toy, loss_params):
    params = loss_params(balancer="dla", dla={"temperature": 0.5})
    record = toy.balancer(params).backward(*toy.step(params))
    norms = [record[f"grad_norm/{name}"].item() for name in NAMES]
    assert [record[f"weight/{name}"].item() for name in NAMES] == pytest.approx(plain_weights(norms, None, 0.5))


def test_scope_heads_without_heads_is_refused(toy, loss_params):
    params = loss_params(balancer="dla", dla={"scope": "heads"})
    with pytest.raises(ValueError, match=r"loss\.dla\.scope is 'heads'"):
        build_balancer(params, NAMES, toy.branches)
