"""Training learns, selects by validation loss, repeats itself, and stops at the first number that is none."""

import math

import numpy as np
import pytest
import torch

from pipeline_lib.common.errors import InputError
from pipeline_lib.training.optimizer import build_optimizer
from tests.training.conftest import make_settings, trainer_of


@pytest.mark.parametrize("balancer", ["static", "dla", "mcdb"])
def test_the_loss_falls_under_every_balancer(study, params, settings, balancer):
    params["loss"].update(balancer=balancer, norms_every=0)
    fit = trainer_of(study, make_settings(params)).fit("test")
    assert fit.history[fit.best_epoch - 1]["valid/brain-image"] < 0.5 * fit.history[0]["valid/brain-image"]


def test_the_model_keeps_the_weights_of_the_lowest_validation_loss(study, settings):
    trainer = trainer_of(study, settings)
    fit = trainer.fit("test")
    losses = [row["valid/loss"] for row in fit.history]
    assert fit.best_epoch == int(np.argmin(losses)) + 1
    assert trainer.validate()["valid/loss"] == pytest.approx(min(losses), rel=1e-6)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(study, settings):
    def weights(seed):
        trainer = trainer_of(study, settings, seed)
        trainer.fit("test")
        return torch.cat([p.flatten() for p in trainer.model.parameters()])

    first = weights(0)
    assert torch.equal(first, weights(0))
    assert not torch.equal(first, weights(1))


def test_history_logs_losses_weights_norms_and_scale(study, settings):
    row = trainer_of(study, settings).fit("test").history[0]
    for name in ("brain-image", "image-text", "guidance"):
        assert {f"train/{name}", f"valid/{name}", f"weight/{name}", f"grad_norm/{name}"} <= set(row)
    assert row["logit_scale"] == pytest.approx(1 / 0.07, rel=0.1)


def test_selection_by_total_is_the_mean_of_all_objectives(study, params, settings):
    params["train"]["validation"]["loss"] = "total"
    row = trainer_of(study, make_settings(params)).validate()
    parts = [value for name, value in row.items() if name != "valid/loss"]
    assert row["valid/loss"] == pytest.approx(sum(parts) / 3)


def test_batches_are_even(study, params, settings):
    params["train"]["batch_size"] = 49  # of 50 samples: 25 and 25, never 49 and 1
    trainer = trainer_of(study, make_settings(params))
    sizes = []
    trainer.step = lambda rows: sizes.append(len(rows)) or {"x": torch.tensor(0.0)}
    trainer.train_epoch()
    assert sizes == [25, 25]


def test_a_response_that_is_no_number_stops_with_epoch_term_and_image(study, settings):
    trainer = trainer_of(study, settings)
    trainer.train.brain[0, 0] = math.nan
    image = trainer.train.features.image_ids[trainer.train.item[0]]
    with pytest.raises(
        InputError, match=rf"epoch 1, step \d: train/brain-image is nan.*finite, those of {image}; lower"
    ):
        trainer.fit("test")


def test_a_loss_that_grows_beyond_numbers_names_the_images_of_its_batch(study, settings):
    trainer = trainer_of(study, settings)
    trainer.train_epoch()
    trainer.history.append({})
    with torch.no_grad():
        trainer.model.logit_scale.raw.fill_(math.inf)
        trainer.model.logit_scale.raw.clamp_ = lambda max: None
    with pytest.raises(
        InputError, match=r"epoch 2, step 1: .* is (nan|inf) in the batch of images (image\d+, ){5}.* more"
    ):
        trainer.train_epoch()


def test_validation_that_is_no_number_stops_too(study, settings):
    trainer = trainer_of(study, settings)
    trainer.valid.features.image[trainer.valid.item[0]] = math.inf
    trainer.train_epoch = dict
    with pytest.raises(InputError, match="epoch 1, step 1: valid/brain-image is nan"):
        trainer.fit("test")


def test_patience_ends_training_after_so_many_epochs_without_a_lower_loss(study, params, settings):
    params["train"]["patience"] = 3
    trainer = trainer_of(study, make_settings(params))
    losses = iter([5.0, 3.0, 4.0, 2.0, 2.0, 3.0, 2.5, 1.0])
    trainer.validate = lambda: {"valid/loss": next(losses)}
    fit = trainer.fit("test")
    assert (len(fit.history), fit.best_epoch) == (7, 4)


def test_without_patience_all_epochs_are_trained(study, settings):
    trainer = trainer_of(study, settings)
    trainer.validate = lambda: {"valid/loss": 1.0 + len(trainer.history)}
    fit = trainer.fit("test")
    assert (len(fit.history), fit.best_epoch) == (settings.train.epochs, 1)


def test_validation_in_parts_is_validation_in_one(study, settings, monkeypatch):
    trainer = trainer_of(study, settings)
    trainer.train_epoch()
    whole = trainer.validate()
    monkeypatch.setattr("pipeline_lib.training.forward.VALIDATED_AT_ONCE", 3)
    assert trainer.validate() == pytest.approx(whole, rel=1e-6)


def test_noise_on_the_gradients_changes_the_course(study, params, settings):
    params["loss"]["spr"].update(enabled=True)
    noisy = trainer_of(study, make_settings(params)).fit("test").history[-1]
    plain = trainer_of(study, settings).fit("test").history[-1]
    assert noisy["train/brain-image"] != plain["train/brain-image"]


def test_weight_decay_goes_by_branch_and_spares_the_logit_scale(study, settings):
    trainer = trainer_of(study, settings)
    decays = {group["branch"]: group["weight_decay"] for group in trainer.optimizer.param_groups}
    assert decays == {"brain": 0.001, "image": 0.005, "text": 0.005, "shared": 0.0}


def test_what_the_balancer_learns_itself_is_trained_without_decay(study, params, settings):
    params["loss"]["balancer"] = "uncertainty"
    trainer = trainer_of(study, make_settings(params))
    (group,) = [group for group in trainer.optimizer.param_groups if group["branch"] == "balancer"]
    assert group["weight_decay"] == 0
    trainer.step(torch.arange(20))
    assert trainer.balancer.learned[0].abs().min() > 0


def test_the_balancer_hears_of_the_end_of_each_epoch(study, params, settings):
    params["train"]["epochs"] = 3
    trainer = trainer_of(study, make_settings(params))
    heard = []
    trainer.balancer.end_epoch = lambda row: heard.append(row["train/brain-image"])
    fit = trainer.fit("test")
    assert heard == [row["train/brain-image"] for row in fit.history]


def test_encoder_and_image_branch_are_told_who_saw_what(study, settings):
    trainer = trainer_of(study, settings, subjects=("sub-01", "sub-02"))
    told = {}
    original = {name: getattr(trainer.model, name) for name in ("embed_brain", "embed_image")}
    for name, call in original.items():
        setattr(trainer.model, name, lambda x, s, n=name, c=call: told.update({n: s}) or c(x, s))
    rows = torch.tensor([3, 90, 40, 70])
    trainer.losses(trainer.train, rows)
    assert torch.equal(told["embed_brain"], trainer.train.subject[rows])
    assert torch.equal(told["embed_image"], trainer.train.subject[rows])
    assert set(trainer.train.subject.tolist()) == {0, 1}


def test_adam_decays_nothing(study, params, settings):
    params["train"]["optimizer"] = "adam"
    trainer = trainer_of(study, make_settings(params))
    assert {
        group["weight_decay"]
        for group in build_optimizer(trainer.model.branches(), trainer.settings.train).param_groups
    } == {0}


def test_the_update_of_a_branch_is_scaled_by_the_balancer(study, settings):
    def displacement(scale):
        trainer = trainer_of(study, settings)
        trainer.balancer.step_scale = lambda branch: scale if branch == "image" else 1.0
        before = [p.clone() for p in trainer.model.image_branch.parameters()]
        trainer.step(torch.arange(20))
        after = trainer.model.image_branch.parameters()
        return torch.cat([(a - b).flatten() for a, b in zip(after, before, strict=True)]).norm().item()

    assert displacement(0.25) == pytest.approx(0.25 * displacement(1.0), rel=1e-3)
