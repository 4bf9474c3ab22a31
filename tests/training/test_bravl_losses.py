"""What a batch costs BraVL, against plain sums in float64, and what its gradients are like."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from pipeline_lib.training import bravl_losses as losses_module
from pipeline_lib.training.bravl_losses import bravl_losses, mismatched_evidence, validation_elbo
from pipeline_lib.training.distributed import Processes
from tests.training.bravl_study import made_bravl
from tests.training.conftest import make_settings, trainer_of

ALONE = Processes(torch.device("cpu"))
ROWS = torch.arange(20)


@pytest.fixture
def trainer(study, params, settings):
    return trainer_of(study, make_settings(made_bravl(params)))


def inputs_of_rows(trainer, rows):
    return losses_module._inputs(trainer.model, trainer.train, rows)


def plain_elbo(model, inputs, noise):
    """One item: all seven subsets one by one, with torch's own distributions."""
    experts = {name: model.vaes[name].encode(x) for name, x in inputs.items()}
    subsets = [["brain"], ["image"], ["text"], ["brain", "image"], ["brain", "text"], ["image", "text"], list(experts)]
    total = 0.0
    for subset, eps in zip(subsets, noise, strict=True):
        precision = sum(torch.exp(-experts[name].log_variance) for name in subset)
        mean = sum(experts[name].mean * torch.exp(-experts[name].log_variance) for name in subset) / precision
        q = Normal(mean, precision**-0.5)
        decoded = model.decode(mean + eps * precision**-0.5)
        total += sum(Normal(decoded[name], 0.75).log_prob(x).sum() for name, x in inputs.items())
        total -= kl_divergence(q, Normal(torch.zeros_like(mean), torch.ones_like(mean))).sum()
    return total / 7


def test_the_bound_in_validation_equals_the_plain_one(trainer):
    model = trainer.model.double()
    inputs = {name: x.double() for name, x in inputs_of_rows(trainer, ROWS[:4]).items()}
    noise = torch.randn(7, 4, 8, dtype=torch.float64)
    found = validation_elbo(model, inputs, noise)
    for i in range(4):
        expected = plain_elbo(model, {name: x[i] for name, x in inputs.items()}, noise[:, i])
        assert found[i].item() == pytest.approx(expected.item(), rel=1e-10)


def test_validation_is_the_same_whenever_and_draws_nothing(trainer):
    trainer.model.begin_epoch(3)
    state = torch.get_rng_state()
    first = trainer.validate()
    trainer.model.begin_epoch(30)
    assert trainer.validate() == first
    assert torch.equal(torch.get_rng_state(), state)
    assert set(first) == {"valid/elbo", "valid/loss"}
    assert first["valid/loss"] == first["valid/elbo"]


def test_validation_in_parts_is_validation_in_one(trainer, monkeypatch):
    whole = trainer.validate()
    monkeypatch.setattr(losses_module, "VALIDATED_AT_ONCE", 3)
    assert trainer.validate() == pytest.approx(whole, rel=1e-5)


def test_the_training_bound_is_on_average_that_of_all_components(trainer):
    """One component and one latent per item, many times over."""
    model, rows = trainer.model.train(), ROWS.repeat(500)
    model.beta = 1.0
    with torch.no_grad():
        torch.manual_seed(0)
        drawn = bravl_losses(model, trainer.settings, trainer.train, rows, ALONE)[0]["elbo"].item()
        noise = torch.randn(7, len(rows), 8)
        expected = -validation_elbo(model, inputs_of_rows(trainer, rows), noise).mean().item()
    assert drawn == pytest.approx(expected, rel=5e-3)


def test_beta_weighs_the_divergence(trainer):
    def cost(beta):
        torch.manual_seed(0)
        trainer.model.beta = beta
        return bravl_losses(trainer.model.train(), trainer.settings, trainer.train, ROWS, ALONE)[0]["elbo"].item()

    none, half, whole = cost(0.0), cost(0.5), cost(1.0)
    assert none < half < whole
    assert half == pytest.approx((none + whole) / 2, rel=1e-5)


def test_information_terms_go_with_their_lambdas(study, params, settings):
    def costs(**lambdas):
        trainer = trainer_of(study, make_settings(made_bravl(params, **lambdas)))
        torch.manual_seed(0)
        return bravl_losses(trainer.model.train(), trainer.settings, trainer.train, ROWS, ALONE)[0]

    once, twice = costs(lambda_intra=1.0, lambda_inter=1.0), costs(lambda_intra=2.0, lambda_inter=3.0)
    assert list(once) == ["elbo", "intra-information", "inter-information"]
    assert twice["elbo"] == once["elbo"]
    assert twice["intra-information"].item() == pytest.approx(2 * once["intra-information"].item(), rel=1e-6)
    assert twice["inter-information"].item() == pytest.approx(3 * once["inter-information"].item(), rel=1e-6)


def test_intra_information_is_the_plain_density_of_the_guess(study, params, settings, monkeypatch):
    """With posteriors of no width, z is a mean, and everything can be computed without drawing."""
    trainer = trainer_of(study, make_settings(made_bravl(params, lambda_intra=1.0)))
    model = trainer.model.train()
    monkeypatch.setattr(losses_module, "_drawn", lambda joint: type(joint)(joint.mean[6], joint.mean[6] * 0 - 200))
    found = bravl_losses(model, trainer.settings, trainer.train, ROWS, ALONE)[0]["intra-information"]
    experts = model.posteriors(inputs_of_rows(trainer, ROWS))
    precision = sum(torch.exp(-q.log_variance) for q in experts.values())
    z = sum(q.mean * torch.exp(-q.log_variance) for q in experts.values()) / precision
    expected = sum(Normal(model.guesses[m](x), 0.75).log_prob(z).sum(1).mean() for m, x in model.decode(z).items())
    assert found.item() == pytest.approx(-expected.item(), rel=1e-5)


def test_learning_makes_belonging_together_worth_more(study, params, settings):
    """The ELBO of true items less the evidence of mismatched ones grows from about zero."""
    trainer = trainer_of(study, make_settings(made_bravl(params)))

    def information():
        torch.manual_seed(0)
        with torch.no_grad():
            cost = bravl_losses(trainer.model.train(), trainer.settings, trainer.train, torch.arange(50), ALONE)[0]
        return -cost["inter-information"].item() / 0.001

    before = information()
    trainer.fit("test")
    assert abs(before) < 1
    assert information() > before + 1


def test_evidence_is_bounded_for_every_item(trainer):
    inputs = inputs_of_rows(trainer, ROWS)
    found = mismatched_evidence(trainer.model, inputs, trainer.train.item[ROWS])
    assert found["bound"].shape == (20,)
    assert found["bound"].isfinite().all()
    # Never above what a perfect reconstruction would give.
    best = -sum(x.shape[1] for x in inputs.values()) * (math.log(0.75) + math.log(2 * math.pi) / 2)
    assert found["bound"].max() < best


@pytest.mark.parametrize("balancer", ["static", "dla", "mcdb", "upgrad"])
@pytest.mark.parametrize("text", [True, False])
def test_gradients_are_finite_and_reach_every_parameter(study, params, settings, monkeypatch, balancer, text):
    if not text:
        monkeypatch.setattr("pipeline_lib.training.targets.TEXT_DATASET", "text/none")
    params = made_bravl(params)
    params["loss"]["balancer"] = balancer
    trainer = trainer_of(study, make_settings(params))
    assert trainer.model.has_text == text
    trainer.model.begin_epoch(2)
    trainer.model.train()
    for _ in range(3):
        trainer.step(ROWS)
        assert all(p.grad is not None and p.grad.isfinite().all() for p in trainer.model.parameters())
        assert all(p.grad.abs().max() > 0 for branch in trainer.model.branches().values() for p in branch)


@pytest.mark.parametrize("objectives", [["elbo"], ["elbo", "inter-information"], ["elbo", "intra-information"]])
def test_terms_that_are_left_out_are_not_computed(study, params, settings, objectives):
    params = made_bravl(params)
    params["loss"].update(objectives=objectives, static={"weights": []})
    fit = trainer_of(study, make_settings(params)).fit("test")
    logged = {name for name in fit.history[0] if name.startswith("train/")}
    assert logged == {f"train/{name}" for name in objectives}


def test_sixteen_bits_change_little(study, params, settings):
    def validation(precision):
        params["train"].update(precision=precision, data_dtype=precision)
        trainer = trainer_of(study, make_settings(params))
        trainer.train_epoch()
        return trainer.validate()["valid/loss"]

    made_bravl(params)
    assert validation("bfloat16") == pytest.approx(validation("float32"), rel=0.02)
