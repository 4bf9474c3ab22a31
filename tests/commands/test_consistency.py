"""Values that exclude each other are named; data and weights are not needed for it. More of it in test_check.py."""

import pytest

from pipeline_lib.commands.consistency import MODALITIES, check_consistency, check_models_are_real
from pipeline_lib.recordings.layouts import LAYOUTS


@pytest.fixture
def problems(params):
    return lambda: {found.what: found.say for found in check_consistency(params) if not found.good}


def test_the_shipped_parameters_are_good(problems):
    assert problems() == {}


def test_the_modality_of_a_layout_is_known_by_its_name():
    assert set(MODALITIES) <= set(LAYOUTS)
    assert all(modality in layout for layout, modality in MODALITIES.items())


@pytest.mark.parametrize(
    ("picks", "layout", "says"),
    [
        ("visual-17", "things-meg-bids", "EEG channels, but study.layout things-meg-bids holds MEG; set it to all, or"),
        ("eeg", "things-meg-epochs", "'eeg', which are EEG channels"),
        ("meg", "things-eeg2-bids", "'meg', which are MEG channels, but study.layout things-eeg2-bids holds EEG"),
        ("meg", "things-meg-bids", None),
        ("all", "things-meg-bids", None),
        (["Oz"], "things-meg-bids", None),
        ("visual-17", "bids", None),
    ],
)
def test_channels_that_no_recording_of_the_layout_has(problems, params, picks, layout, says):
    params["preprocess"]["picks"], params["study"]["layout"] = picks, layout
    found = problems()
    assert set(found) == ({"channels"} if says else set())
    assert (says or "") in found.get("channels", "")


def test_a_gallery_of_captions_without_captions(problems, params):
    params["caption"]["source"], params["loss"]["objectives"] = "none", ["brain-image"]
    assert problems() == {}
    params["evaluate"]["galleries"] = ["image", "text", "image+text"]
    assert problems()["galleries"].startswith("evaluate.galleries holds text, image+text, but caption.source is 'none'")


def test_the_phantoms_models_are_for_phantoms(params):
    assert all(found.good for found in check_models_are_real(params))
    params["phantoms"] = []
    assert [found.what for found in check_models_are_real(params) if not found.good] == [
        "features.model",
        "caption.path",
    ]
    params["features"]["models"], params["caption"]["source"] = "weights", "label"
    assert all(found.good for found in check_models_are_real(params))
