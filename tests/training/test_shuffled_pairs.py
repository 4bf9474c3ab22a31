"""Shuffled pairs keep every response and image, mix no persons, and are as good as no pairs at all."""

import math
from collections import Counter

import pytest
import torch

from pipeline_lib.training.data import Samples
from pipeline_lib.training.run import open_data, prepared_split
from pipeline_lib.training.shuffled_pairs import shuffled_pairs
from pipeline_lib.training.validation import split_validation
from tests.training.conftest import inputs_of, make_settings, trainer_of

SAMPLES = Samples(item=torch.arange(30).repeat(2)[:50], subject=torch.arange(50) // 30, concept=torch.arange(30) // 2)


def shuffled(seed=0):
    return shuffled_pairs(SAMPLES, torch.Generator().manual_seed(seed))


def test_each_person_keeps_their_images_in_another_order():
    found = shuffled()
    assert torch.equal(found.subject, SAMPLES.subject)
    assert torch.equal(found.concept, SAMPLES.concept)
    for subject in (0, 1):
        rows = SAMPLES.subject == subject
        assert Counter(found.item[rows].tolist()) == Counter(SAMPLES.item[rows].tolist())
        assert (found.item[rows] == SAMPLES.item[rows]).sum() < 6  # one is expected to stay


def test_the_seed_decides_and_the_samples_as_shown_stay():
    before = SAMPLES.item.clone()
    assert torch.equal(shuffled(0).item, shuffled(0).item)
    assert not torch.equal(shuffled(0).item, shuffled(1).item)
    assert torch.equal(SAMPLES.item, before)


def parts(study, params, pairs, subjects=("sub-01", "sub-02")):
    params["train"]["pairs"] = pairs
    settings = make_settings(params)
    data = open_data(inputs_of(study, subjects=subjects), settings)
    trainer = trainer_of(study, settings, subjects=subjects)
    return data, settings, trainer.train, trainer.valid


def test_pairs_as_shown_draw_the_validation_part_and_nothing_else(study, params, settings):
    data, settings, _, valid = parts(study, params, "shown")
    generator = torch.Generator().manual_seed(0)
    rows = split_validation(data.samples, settings.train.validation, n_subjects=2, generator=generator)[1]
    assert torch.equal(valid.item, data.samples.item[rows])
    other, model = torch.Generator().manual_seed(0), trainer_of(study, settings).model
    prepared_split(model, data, settings, other, torch.device("cpu"))
    assert torch.equal(other.get_state(), generator.get_state())


def test_training_and_validation_are_both_shuffled(study, params, settings):
    shown, other = (parts(study, params, pairs) for pairs in ("shown", "shuffled"))

    def image_by_response(data):
        return {data.brain[i].numpy().tobytes(): int(data.item[i]) for i in range(len(data))}

    true = image_by_response(shown[2]) | image_by_response(shown[3])
    for part in other[2:]:
        found = image_by_response(part)
        assert sum(true[response] == item for response, item in found.items()) < 0.1 * len(found) + 2


@pytest.mark.parametrize("repeats", ["mean", "single"])
def test_validation_never_gets_better_than_guessing(study, params, settings, repeats):
    params["train"].update(repeats=repeats)
    losses = {}
    for pairs in ("shown", "shuffled"):
        params["train"]["pairs"] = pairs
        fit = trainer_of(study, make_settings(params)).fit("test")
        losses[pairs] = min(row["valid/brain-image"] for row in fit.history)
    assert losses["shown"] < 0.5 * math.log(10)
    assert losses["shuffled"] > 0.85 * math.log(10)
