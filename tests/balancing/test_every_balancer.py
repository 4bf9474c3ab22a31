"""What every balancer's call promises."""

import pytest
import torch

from pipeline_lib.balancing.build import BALANCERS
from pipeline_lib.common.errors import InputError
from pipeline_lib.objectives.balancer_params import BalancerName

NAMES = ["brain-image", "image-text", "guidance"]


def test_all_answer_the_same_call(toy, loss_params, balancer_name):
    params = loss_params(balancer=balancer_name)
    balancer = toy.balancer(params)
    record = balancer.backward(*toy.step(params))
    wanted = {f"{kind}/{objective}" for kind in ("weight", "grad_norm") for objective in NAMES}
    wanted |= {f"branch_norm/{branch}" for branch in ("brain", "image", "text", "shared")}
    assert wanted <= set(record)
    assert all(value.shape == () and not value.requires_grad and value.isfinite() for value in record.values())
    assert all(p.grad is not None for p in toy.parameters())
    assert float(balancer.step_scale("brain")) == 1.0


def test_logged_weights_and_norms_are_those_of_the_gradient(toy, loss_params, plain_gradients, balancer_name):
    params = loss_params(balancer=balancer_name, mcdb={"contribution": "literal"})
    plain = plain_gradients(toy, params)
    record = toy.balancer(params).backward(*toy.step(params))
    for key, gradient in toy.gradients().items():
        expected = sum(record[f"weight/{name}"] * plain[name][key] for name in NAMES)
        torch.testing.assert_close(gradient, expected, rtol=1e-8, atol=1e-12)
    for name in NAMES:
        size = sum((gradient**2).sum() for gradient in plain[name].values()).sqrt()
        assert record[f"grad_norm/{name}"].item() == pytest.approx(size.item(), rel=1e-9)


def test_gradients_are_replaced_not_added_to(toy, loss_params, balancer_name):
    params = loss_params(balancer=balancer_name)
    first, second = (toy.balancer(params).backward(*toy.step(params)) and toy.gradients() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_parameters_that_no_loss_reaches_get_no_gradient(toy, loss_params, balancer_name):
    params = loss_params(balancer=balancer_name, objectives=["brain-image"])
    toy.balancer(params).backward(*toy.step(params))
    assert toy.text.weight.grad is None
    assert toy.image.weight.grad.norm() > 0


def test_frozen_parameters_are_left_alone(toy, loss_params, balancer_name):
    toy.image.requires_grad_(False)
    params = loss_params(balancer=balancer_name)
    record = toy.balancer(params).backward(*toy.step(params))
    assert toy.image.weight.grad is None
    assert record["branch_norm/image"].item() == 0


def test_an_objective_that_reaches_nothing_is_borne(toy, loss_params, balancer_name):
    params = loss_params(balancer=balancer_name, norms_every=1)
    losses, embeddings = toy.step(params)
    losses["guidance"] = losses["guidance"].detach()
    record = toy.balancer(params).backward(losses, embeddings)
    assert record["grad_norm/guidance"].item() == 0
    assert all(value.isfinite() for value in record.values())
    assert all(p.grad.isfinite().all() for p in toy.parameters())


def test_objectives_none_of_which_reaches_anything_are_refused(toy, loss_params, balancer_name):
    params = loss_params(balancer=balancer_name, objectives=["image-text"])
    losses, embeddings = toy.step(params)
    with pytest.raises(InputError, match=r"loss\.objectives: image-text leaves nothing to learn.*name brain-image too"):
        toy.balancer(params).backward({name: loss.detach() for name, loss in losses.items()}, embeddings)


def test_a_batch_of_one_gives_finite_gradients(make_toy, loss_params, balancer_name):
    toy = make_toy(n_items=1)
    params = loss_params(balancer=balancer_name)
    balancer = toy.balancer(params)
    for _ in range(2):
        record = balancer.backward(*toy.step(params))
        assert all(value.isfinite() for value in record.values())
        assert all(p.grad.isfinite().all() for p in toy.parameters())


@pytest.mark.parametrize("scope", ["all", "heads"])
def test_goes_on_from_a_saved_state(make_toy, loss_params, balancer_name, scope, tmp_path):
    """Stopped after three epochs of two steps and in the middle of one, bit for bit."""
    params = loss_params(balancer=balancer_name, norms_every=2, dla={"every": 2, "scope": scope})
    toy, twin = make_toy(), make_toy()
    straight, resumed = toy.balancer(params), twin.balancer(params)
    for step in range(9):
        record = straight.backward(*toy.step(params))
        if step in (5, 6):
            torch.save(resumed.state_dict(), tmp_path / "state.pt")
            torch.manual_seed(step)
            resumed = twin.balancer(params)
            resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
        again = resumed.backward(*twin.step(params))
        assert record == again
        for model, balancer in ((toy, straight), (twin, resumed)):
            descend([*model.parameters(), *balancer.learned])
            if step % 2:
                balancer.end_epoch({f"train/{name}": 1.0 / (1 + step * k) for k, name in enumerate(NAMES)})


@torch.no_grad()
def descend(parameters):
    for parameter in parameters:
        parameter -= 0.1 * parameter.grad


def test_a_state_that_was_saved_stays_as_it_was(toy, loss_params, balancer_name):
    params = loss_params(balancer=balancer_name)
    balancer = toy.balancer(params)
    balancer.backward(*toy.step(params))
    state = balancer.state_dict()
    before = {key: value.clone() if isinstance(value, torch.Tensor) else value for key, value in state.items()}
    descend([*toy.parameters(), *balancer.learned])
    balancer.backward(*toy.step(params))
    for key, value in before.items():
        assert torch.equal(state[key], value) if isinstance(value, torch.Tensor) else state[key] == value


def test_no_draw_of_random_numbers_is_moved(toy, loss_params, balancer_name):
    params = loss_params(balancer=balancer_name)
    balancer, state = toy.balancer(params), torch.random.get_rng_state()
    balancer.backward(*toy.step(params))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_losses_of_other_objectives_are_refused(toy, loss_params, balancer_name):
    params = loss_params(balancer=balancer_name)
    losses, embeddings = toy.step(params)
    del losses["guidance"]
    with pytest.raises(ValueError, match=r"losses must be .*guidance.*got \['brain-image', 'image-text'\]"):
        toy.balancer(params).backward(losses, embeddings)


def test_every_balancer_has_a_name_in_the_parameters():
    assert set(BalancerName.__args__) == set(BALANCERS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"balancer": "mgad"}, r"loss\.balancer is 'mgad'.*did you mean 'mgda'"),
        ({"dwa": {"temperature": 0}}, r"loss\.dwa\.temperature is 0: .*greater than 0"),
        ({"gradnorm": {"learning_rate": -1}}, r"loss\.gradnorm\.learning_rate is -1"),
        ({"cagrad": {"c": float("nan")}}, r"loss\.cagrad\.c is nan"),
        ({"aligned_mtl": {"scale": "max"}}, r"loss\.aligned_mtl\.scale is 'max'.*'min', 'median' or 'rmse'"),
        ({"fairgrad": {"beta": 1}}, r"unknown parameter loss\.fairgrad\.beta"),
    ],
)
def test_bad_parameters_are_named(loss_params, changes, message):
    with pytest.raises(InputError, match=message):
        loss_params(**changes)
