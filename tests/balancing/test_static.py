"""What static weights, and every balancer's call, promise."""

import pytest
import torch

from pipeline_lib.balancing.build import BALANCERS, build_balancer
from pipeline_lib.objectives.params import LossParams

NAMES = ["brain-image", "image-text", "guidance"]


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


@pytest.mark.parametrize("name", list(BALANCERS))
def test_every_balancer_answers_the_same_call(toy, loss_params, name):
    params = loss_params(balancer=name)
    balancer = toy.balancer(params)
    record = balancer.backward(*toy.step(params))
    wanted = {f"{kind}/{objective}" for kind in ("weight", "grad_norm") for objective in NAMES}
    wanted |= {f"branch_norm/{branch}" for branch in ("brain", "image", "text", "shared")}
    assert wanted <= set(record)
    assert all(value.shape == () and not value.requires_grad and value.isfinite() for value in record.values())
    assert all(p.grad is not None for p in toy.parameters())
    assert float(balancer.step_scale("brain")) == 1.0


@pytest.mark.parametrize("name", list(BALANCERS))
def test_gradients_are_replaced_not_added_to(toy, loss_params, name):
    params = loss_params(balancer=name)
    first, second = (toy.balancer(params).backward(*toy.step(params)) and toy.gradients() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", list(BALANCERS))
def test_one_objective_alone_gives_its_own_gradient(toy, loss_params, plain_gradients, name):
    params = loss_params(balancer=name, objectives=["brain-image"], mcdb={"contribution": "literal"})
    expected = plain_gradients(toy, params)["brain-image"]
    record = toy.balancer(params).backward(*toy.step(params))
    assert record["weight/brain-image"].item() == 1
    for key, gradient in toy.gradients().items():
        if key.startswith("text"):
            assert gradient is None
        else:
            torch.testing.assert_close(gradient, expected[key])


@pytest.mark.parametrize("name", list(BALANCERS))
def test_frozen_parameters_are_left_alone(toy, loss_params, name):
    toy.image.requires_grad_(False)
    params = loss_params(balancer=name)
    record = toy.balancer(params).backward(*toy.step(params))
    assert toy.image.weight.grad is None
    assert record["branch_norm/image"].item() == 0


@pytest.mark.parametrize("name", list(BALANCERS))
def test_a_batch_of_one_gives_finite_gradients(make_toy, loss_params, name):
    toy = make_toy(n_items=1)
    params = loss_params(balancer=name)
    balancer = toy.balancer(params)
    for _ in range(2):
        record = balancer.backward(*toy.step(params))
        assert all(value.isfinite() for value in record.values())
        assert all(p.grad.isfinite().all() for p in toy.parameters())


@pytest.mark.parametrize("name", list(BALANCERS))
def test_goes_on_from_a_saved_state(make_toy, loss_params, name, tmp_path):
    params = loss_params(balancer=name, dla={"every": 2})
    toy, twin = make_toy(), make_toy()
    straight, resumed = toy.balancer(params), twin.balancer(params)
    for step in range(5):
        record = straight.backward(*toy.step(params))
        if step == 3:
            torch.save(resumed.state_dict(), tmp_path / "state.pt")
            resumed = twin.balancer(params)
            resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
        again = resumed.backward(*twin.step(params))
        assert record == again
        with torch.no_grad():
            [p.sub_(0.1 * p.grad) for model in (toy, twin) for p in model.parameters()]


def test_losses_of_other_objectives_are_refused(toy, loss_params):
    params = loss_params(balancer="static")
    losses, embeddings = toy.step(params)
    del losses["guidance"]
    with pytest.raises(ValueError, match=r"losses must be .*guidance.*got \['brain-image', 'image-text'\]"):
        toy.balancer(params).backward(losses, embeddings)


def test_every_balancer_has_a_name_in_the_parameters():
    assert set(LossParams.model_fields["balancer"].annotation.__args__) == set(BALANCERS)
