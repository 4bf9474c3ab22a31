"""Trials of an epochs store are taken as they are."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.decoding.stored import stored_part
from pipeline_lib.recordings.store import open_store
from pipeline_lib.training.run_folder import load_run


@pytest.fixture
def card(study):
    return load_run(study.model)[1]


@pytest.mark.parametrize(("split", "n_trials"), [("test", 60), ("train", 160)])
def test_the_trials_of_a_split(study, card, split, n_trials):
    part = stored_part(study.store, card, split, print)
    trials = open_store(study.store).trials(test=split == "test")
    np.testing.assert_array_equal(part.epochs, trials.epochs)
    assert part.frame["shown"].tolist() == trials.image_ids
    assert part.frame["session"].tolist() == trials.session.tolist()
    assert (len(part.frame), part.finished) == (n_trials, True)


def test_channels_are_picked_by_name(study, card):
    reversed_card = replace(card, ch_names=card.ch_names[::-1])
    expected = stored_part(study.store, card, "test", print).epochs[:, ::-1]
    np.testing.assert_array_equal(stored_part(study.store, reversed_card, "test", print).epochs, expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sfreq": 250.0}, r"samples and rate is \(40, 100.0\), allowed: those of the model, \(40, 250.0\)"),
        ({"tmin": -0.2}, r"the first sample \(s\) is 0.0, allowed: that of the model, -0.2"),
        ({"ch_names": [f"E{i}" for i in range(20)]}, "none of the model's 20 channels"),
        ({"ch_types": ["mag"] * 20}, "trained on 20 channels of MEG"),
    ],
)
def test_a_store_of_something_else(study, card, changes, message):
    with pytest.raises(InputError, match=message):
        stored_part(study.store, replace(card, **changes), "test", print)


def test_other_preprocessing_is_named(study, card, said):
    section = card.preprocessing["preprocess"]
    for same in ({"preprocess": section | {"seed": 7}}, {}):
        stored_part(study.store, replace(card, preprocessing=same), "test", said.append)
    assert not said
    other = {"preprocess": section | {"baseline": "none", "max_repeats": {"train": 1, "test": 1}}}
    stored_part(study.store, replace(card, preprocessing=other), "test", said.append)
    assert said == [f"{study.store}: its trials were preprocessed otherwise than the model's: baseline mean for none"]
