"""Retrieval among the validation images, against loops over every sample."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline_lib.training.loop import Fit
from pipeline_lib.training.validation_metrics import validation_metrics
from tests.training.conftest import make_settings, trainer_of

FIT = Fit([{"valid/loss": 3.0}, {"valid/loss": 1.5}, {"valid/loss": 2.0}], best_epoch=2)


def plain_ranks(model, valid):
    """The rank of each sample's image, one cosine at a time."""
    model.eval()
    images, ranks = sorted(set(valid.item.tolist())), []
    with torch.no_grad():
        for row, subject in enumerate(valid.subject):
            brain = model.embed_brain(valid.brain[row : row + 1], valid.subject[row : row + 1])[0].double().numpy()
            found = [
                model.embed_image(valid.features.image_of(torch.tensor([item])), subject[None])[0] for item in images
            ]
            cosine = [brain @ g.double().numpy() / np.linalg.norm(brain) / np.linalg.norm(g.double()) for g in found]
            own = cosine[images.index(int(valid.item[row]))]
            ranks.append(sum(other >= own - 1e-12 for other in cosine))
    return np.array(ranks)


@pytest.mark.parametrize(("subjects", "size"), [(("sub-01",), 10), (("sub-01", "sub-02"), 50)])
def test_top_k_is_that_of_plain_loops(study, params, settings, subjects, size):
    params["train"]["validation"]["size"] = size
    trainer = trainer_of(study, make_settings(params), subjects=subjects)
    for _ in range(3):
        trainer.train_epoch()
    found, ranks = validation_metrics(trainer.model, trainer.valid, FIT), plain_ranks(trainer.model, trainer.valid)
    assert found["top1"] == pytest.approx((ranks <= 1).mean())
    assert found["top5"] == pytest.approx((ranks <= 5).mean())
    assert (found["samples"], found["n"]) == (size * len(subjects), len(trainer.valid.item.unique()))
    assert found["loss"] == 1.5
    assert found["n"] < found["samples"] or len(subjects) == 1  # both people saw some of the images


def test_layers_are_mixed_as_for_the_person_who_looks(views_study, params, settings):
    params["target"].update(view="sharp", layer=["early", "final"])
    trainer = trainer_of(views_study, make_settings(params), subjects=("sub-01", "sub-02"))
    trainer.model.image_branch.mixture.scores.data = torch.tensor([[3.0, -3.0], [-3.0, 3.0]])
    trainer.train_epoch()
    found, ranks = validation_metrics(trainer.model, trainer.valid, FIT), plain_ranks(trainer.model, trainer.valid)
    assert (found["top1"], found["top5"]) == pytest.approx(((ranks <= 1).mean(), (ranks <= 5).mean()))


def test_a_model_that_tells_nothing_apart_finds_nothing(study, settings):
    trainer = trainer_of(study, settings)
    trainer.model.embed_image = lambda features, subject: torch.ones(len(features), 16)
    found = validation_metrics(trainer.model, trainer.valid, FIT)
    assert (found["top1"], found["top5"]) == (0, 0)


def test_nothing_is_drawn_and_no_weight_changes(study, settings):
    trainer = trainer_of(study, settings)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    states = torch.get_rng_state(), trainer.generator.get_state()
    validation_metrics(trainer.model, trainer.valid, FIT)
    assert all(torch.equal(value, before[name]) for name, value in trainer.model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), states[0])
    assert torch.equal(trainer.generator.get_state(), states[1])


def test_responses_of_half_precision_are_taken(study, settings):
    trainer = trainer_of(study, settings)
    half = replace(
        trainer.valid,
        brain=trainer.valid.brain.bfloat16(),
        features=trainer.valid.features.to(torch.device("cpu"), torch.bfloat16),
    )
    assert 0 <= validation_metrics(trainer.model, half, FIT)["top1"] <= 1
