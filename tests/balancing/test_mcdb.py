"""What modal consistency dynamic balance promises."""

import math

import pytest
import torch
from torch import nn

from pipeline_lib.balancing.build import build_balancer
from pipeline_lib.balancing.mcdb import contributions, imbalance, modulation
from pipeline_lib.objectives.normalize import Embeddings
from tests.balancing.properties import claims

EYE = torch.eye(3, dtype=torch.float64)


@claims(
    mcdb=[
        "order_of_objectives_does_not_matter",
        "scales_with_all_losses",
        "one_objective_keeps_its_gradient",
        "objectives_without_gradient_have_no_say",
        "no_gradient_at_all_is_zero",
        "not_a_number_is_passed_on",
    ]
)
def test_properties_in_balance(aggregate_by, method, check):
    check(aggregate_by(method))


def plain_kappa(brain, image, text, scale, gamma=0.7, epsilon=1e-8, contribution="matched"):
    """Equations 10-13 with plain numbers, for image and text."""
    size = {}
    for name, target in (("image", image), ("text", text)):
        s = []
        for i, row in enumerate(brain):
            odds = [math.exp(scale * float(row @ other)) for other in target]
            share = [x / sum(odds) for x in odds]
            s.append(share[i] if contribution == "matched" else sum(share))
        size[name] = sum(abs(x) for x in s)
    result = {}
    for name, other in (("image", "text"), ("text", "image")):
        rho = size[name] / (size[other] + epsilon)
        result[name] = (1 - math.tanh(gamma * (rho - 1)) if rho > 1 else 1.0, rho)
    return result


def one_sided(scale=1.0):
    """The brain matches its images perfectly, and each text belongs to the next item."""
    return Embeddings(EYE, EYE, EYE.roll(1, 0), torch.tensor(scale, dtype=torch.float64))


@pytest.mark.parametrize("contribution", ["matched", "literal"])
def test_equals_the_definition(toy, loss_params, plain_gradients, contribution):
    params = loss_params(balancer="mcdb", mcdb={"contribution": contribution}, static={"weights": [1, 0.5, 2]})
    gradients = plain_gradients(toy, params)
    brain, image, text, scale = (x.detach() for x in toy.embeddings())
    expected = plain_kappa(brain, image, text, scale.item(), contribution=contribution)
    record = toy.balancer(params).backward(*toy.step(params))
    for name, (kappa, rho) in expected.items():
        assert record[f"rho/{name}"].item() == pytest.approx(rho, rel=1e-9)
        assert record[f"kappa/{name}"].item() == pytest.approx(kappa, rel=1e-9)
    for key, gradient in toy.gradients().items():
        plain = sum(w * gradients[name][key] for w, name in zip([1, 0.5, 2], params.objectives, strict=True))
        kappa = expected.get(key.split(".")[0], (1.0, None))[0]
        torch.testing.assert_close(gradient, kappa * plain, rtol=1e-9, atol=1e-13)


def test_by_hand():
    # At scale ln 2 a match has odds 2 : 1 : 1. Image: three times ½; text: three times ¼. So ρ = 2 and ½.
    size = contributions(one_sided(math.log(2)), "matched")
    assert size["image"].item() == pytest.approx(1.5)
    assert size["text"].item() == pytest.approx(0.75)
    rho = imbalance(size, epsilon=1e-8)
    assert rho["image"].item() == pytest.approx(2)
    assert rho["text"].item() == pytest.approx(0.5)
    assert modulation(rho["image"], 0.7).item() == pytest.approx(1 - math.tanh(0.7))
    assert modulation(rho["text"], 0.7).item() == 1


def test_balance_leaves_all_as_it_is():
    assert modulation(torch.tensor([0.0, 0.5, 1.0]), 0.7).tolist() == [1, 1, 1]


@pytest.mark.parametrize("seed", range(5))
def test_the_literal_reading_is_inert(embeddings_of, seed):
    """Every row of a softmax sums to 1, whatever the embeddings: ‖s‖₁ = N, ρ = N / (N + ε) and κ = 1."""
    batch = embeddings_of(8, seed)
    size = contributions(batch, "literal")
    for name, rho in imbalance(size, epsilon=1e-8).items():
        assert size[name].item() == pytest.approx(8, rel=1e-12)
        assert rho.item() == pytest.approx(1, rel=1e-8)
        assert modulation(rho, 0.7).item() == pytest.approx(1, abs=1e-12)


@pytest.fixture
def embeddings_of():
    def make(n_items, seed):
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randn(3, n_items, 4, generator=generator, dtype=torch.float64)
        return Embeddings(*nn.functional.normalize(drawn, dim=2), torch.tensor(14.0, dtype=torch.float64))

    return make


def test_only_the_dominant_modality_is_held_back(embeddings_of):
    for seed in range(10):
        kappa = {
            name: modulation(rho, 0.7).item()
            for name, rho in imbalance(contributions(embeddings_of(6, seed), "matched"), 1e-8).items()
        }
        assert sorted(value == 1 for value in kappa.values()) == [False, True]
        assert all(0 <= value <= 1 for value in kappa.values())


def test_order_of_the_batch_does_not_matter(embeddings_of):
    batch, order = embeddings_of(7, 0), torch.randperm(7)
    shuffled = Embeddings(batch.brain[order], batch.image[order], batch.text[order], batch.logit_scale)
    for name, value in contributions(shuffled, "matched").items():
        assert value.item() == pytest.approx(contributions(batch, "matched")[name].item())


def test_perfect_match_of_both_is_balance():
    batch = Embeddings(EYE, EYE, EYE, torch.tensor(100.0, dtype=torch.float64))
    for name, value in contributions(batch, "matched").items():
        assert value.item() == pytest.approx(3), name


@pytest.mark.parametrize("scale", [1e-6, 1e4])
def test_extreme_temperatures_stay_finite(embeddings_of, scale):
    batch = embeddings_of(6, 0)._replace(logit_scale=torch.tensor(scale))
    for rho in imbalance(contributions(batch, "matched"), 1e-8).values():
        assert rho.isfinite()
        assert 0 <= modulation(rho, 0.7) <= 1


def test_without_text_there_is_nothing_to_balance(toy, loss_params):
    params = loss_params(balancer="mcdb", objectives=["brain-image"])
    losses, embeddings = toy.step(params)
    record = toy.balancer(params).backward(losses, embeddings._replace(text=None))
    assert record["kappa/image"].item() == 1
    assert toy.image.weight.grad.norm() > 0


def test_update_leaves_the_gradient_and_scales_the_step(toy, loss_params, plain_gradients):
    params = loss_params(balancer="mcdb", mcdb={"apply": "update"})
    gradients, balancer = plain_gradients(toy, params), toy.balancer(params)
    record = balancer.backward(*toy.step(params))
    for key, gradient in toy.gradients().items():
        torch.testing.assert_close(gradient, sum(of_loss[key] for of_loss in gradients.values()) / 3)
    for name in ("image", "text"):
        assert balancer.step_scale(name) == record[f"kappa/{name}"]
    assert balancer.step_scale("brain") == balancer.step_scale("shared") == 1


def test_gradient_scales_no_step(toy, loss_params):
    params = loss_params(balancer="mcdb", mcdb={"apply": "gradient"})
    balancer = toy.balancer(params)
    balancer.backward(*toy.step(params))
    assert all(balancer.step_scale(name) == 1 for name in toy.branches)


def test_parameters_of_two_branches_are_nobodys_own(toy, loss_params, plain_gradients):
    params = loss_params(balancer="mcdb")
    gradients = plain_gradients(toy, params)
    branches = toy.branches | {"text": [*toy.branches["text"], toy.image.weight]}
    build_balancer(params, params.objectives, branches).backward(*toy.step(params))
    torch.testing.assert_close(
        toy.image.weight.grad, sum(of_loss["image.weight"] for of_loss in gradients.values()) / 3
    )


def displacement(loss_params, balancer_name, apply, steps=200):
    """How far Adam moves one parameter per branch down the same noisy slope, image being dominant throughout."""
    generator = torch.Generator().manual_seed(0)
    branches = {name: [nn.Parameter(torch.zeros(20, dtype=torch.float64))] for name in ("brain", "image", "text")}
    start = {name: branch[0].detach().clone() for name, branch in branches.items()}
    params = loss_params(balancer=balancer_name, objectives=["brain-image"], mcdb={"apply": apply})
    balancer = build_balancer(params, params.objectives, branches)
    optimizer = torch.optim.Adam([p for branch in branches.values() for p in branch], lr=1e-3, betas=(0.5, 0.999))
    for _ in range(steps):
        slope = 1 + torch.randn(20, generator=generator, dtype=torch.float64)
        balancer.backward({"brain-image": sum((branch[0] * slope).sum() for branch in branches.values())}, one_sided())
        before = {name: branch[0].detach().clone() for name, branch in branches.items()}
        optimizer.step()
        with torch.no_grad():
            for name, (parameter,) in branches.items():
                parameter.copy_(before[name] + float(balancer.step_scale(name)) * (parameter - before[name]))
    return {name: (branch[0].detach() - start[name]).norm().item() for name, branch in branches.items()}


def test_update_holds_the_dominant_branch_back_and_adam_undoes_the_gradient(loss_params):
    """Measured by how far parameters move: a constant κ on the gradient is divided out by Adam's second moment."""
    free = displacement(loss_params, "static", "gradient")
    on_gradient = displacement(loss_params, "mcdb", "gradient")
    on_update = displacement(loss_params, "mcdb", "update")
    kappa = plain_kappa(*one_sided())["image"][0]
    assert kappa < 0.7
    assert on_gradient["image"] == pytest.approx(free["image"], rel=1e-5)
    assert on_update["image"] == pytest.approx(kappa * free["image"], rel=1e-9)
    for name in ("brain", "text"):
        assert on_update[name] == pytest.approx(free[name], rel=1e-12)
