"""Chosen views are what training steps match responses with; validation and test take the middle and change nothing."""

import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pipeline_lib.common.errors import InputError
from pipeline_lib.features.bank import open_bank
from pipeline_lib.training.run import train_run
from tests.training.conftest import VIEWS, inputs_of, make_settings, trainer_of

HALF = {"momentum": 0.3, "deviations": 0.5}


@pytest.fixture
def choosing(views_study, params, settings):
    """A trainer that chooses among three views, often; keyword arguments change section `target`."""

    def make(**target):
        params["target"].update({"view": list(VIEWS), "views": "uncertainty", "uncertainty": HALF, **target})
        params["train"].update(epochs=5)
        return trainer_of(views_study, make_settings(params))

    return make


def shown_to_the_model(trainer, call):
    """The image features that reach the model during a call."""
    features, original = [], trainer.model.embed_image
    trainer.model.embed_image = lambda image, subject: features.append(image) or original(image, subject)
    call()
    trainer.model.embed_image = original
    return torch.cat(features)


def test_a_step_matches_each_sample_with_the_view_chosen_before_it(choosing, views_study):
    trainer = choosing()
    trainer.train_epoch()
    rows = torch.arange(len(trainer.train))
    view = trainer.choice.view.clone()
    found = shown_to_the_model(trainer, lambda: trainer.step(rows))
    images = [trainer.train.features.image_ids[item] for item in trainer.train.item]
    with open_bank(views_study.features) as bank:
        expected = [bank.read(f"{VIEWS[v]}/final", [image]) for v, image in zip(view, images, strict=True)]
    assert torch.equal(found, torch.from_numpy(np.concatenate(expected)))
    assert len(view.unique()) == 3
    assert not torch.equal(view, trainer.choice.view)


def test_similarities_are_those_of_the_steps_own_embeddings(choosing):
    trainer = choosing()
    rows = torch.tensor([4, 7, 1, 30, 22])
    found = []
    original = trainer.losses
    trainer.losses = lambda *args: found.append(original(*args)) or found[-1]
    trainer.step(rows)
    embeddings = found[0][1]
    for place, row in enumerate(rows.tolist()):
        brain, image = embeddings.brain[place].detach(), embeddings.image[place].detach()
        cosine = float(brain @ image / brain.norm() / image.norm())
        assert float(trainer.choice.similarity[row]) == pytest.approx(cosine, abs=1e-5)
    assert trainer.choice.seen.nonzero().flatten().tolist() == sorted(rows.tolist())


def test_validation_takes_the_middle_view_and_changes_no_choice(choosing, views_study):
    trainer = choosing()
    trainer.train_epoch()
    before = {name: value.clone() for name, value in trainer.choice.state_dict().items()}
    found = shown_to_the_model(trainer, trainer.validate)
    images = [trainer.valid.features.image_ids[item] for item in trainer.valid.item]
    with open_bank(views_study.features) as bank:
        assert torch.equal(found, torch.from_numpy(bank.read("medium/final", images)))
    assert all(torch.equal(value, before[name]) for name, value in trainer.choice.state_dict().items())


def test_how_often_is_validated_does_not_change_the_training(choosing):
    plain = choosing()
    history = plain.fit("test").history
    other = choosing()
    validate = other.validate
    other.validate = lambda: (validate(), validate())[0]
    assert other.fit("test").history == history
    assert torch.equal(plain.choice.similarity, other.choice.similarity)


def test_the_run_folder_keeps_no_choice_that_testing_could_change(views_study, params, choosing, tmp_path):
    trainer = choosing()
    train_run(inputs_of(views_study), make_settings(params), n_epochs=2, seed=0, out=tmp_path / "run")
    assert set(load_file(tmp_path / "run" / "model.safetensors")) == set(trainer.model.state_dict())


def test_the_history_says_how_many_samples_had_each_view(choosing):
    history = choosing().fit("test").history
    names = [f"view/{name}" for name in VIEWS]
    assert [history[0][name] for name in names] == [0, 1, 0]
    for row in history:
        assert sum(row[name] for name in names) == pytest.approx(1)
    assert 0 < history[-1]["view/sharp"] < 1


def test_fixed_targets_log_and_choose_nothing(study, settings):
    trainer = trainer_of(study, settings)
    row = trainer.fit("test").history[0]
    assert trainer.choice is None
    assert not [name for name in row if name.startswith("view/")]


@pytest.mark.parametrize("scale", ["unit", "zscore"])
def test_views_and_layers_together_train(choosing, scale):
    trainer = choosing(layer=["early", "final"], scale=scale)
    assert trainer.train.features.image.shape[1:] == (3, 2, 8)
    assert trainer.model.image_branch.mixture.scores.shape == (1, 2)
    fit = trainer.fit("test")
    assert fit.history[-1]["train/brain-image"] < fit.history[0]["train/brain-image"]
    if scale == "zscore":
        mean = trainer.train.features.image[:, 1].mean(0)
        torch.testing.assert_close(trainer.model.image_branch.scaling.mean, mean)


def test_with_one_view_in_reach_training_is_that_of_the_middle_view(choosing, views_study, params):
    chosen = choosing(uncertainty={"momentum": 0.3, "deviations": 1e9}).fit("test").history
    params["target"].update(view="medium", views="mean")
    plain = trainer_of(views_study, make_settings(params)).fit("test").history
    for row, expected in zip(chosen, plain, strict=True):
        assert {name: row[name] for name in expected} == expected
        assert math.isclose(row["view/medium"], 1)


def test_a_loss_that_becomes_nan_is_said_so_with_chosen_views_too(choosing, params):
    params["train"].update(learning_rate=1e30)
    with pytest.raises(InputError, match=r"broke off at epoch 1, step 2: train/brain-image is nan"):
        choosing().fit("test")
