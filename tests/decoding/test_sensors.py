"""Channels are found by name, and none is taken for another in silence."""

from pathlib import Path

import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.decoding.sensors import find_channels, missing_line
from pipeline_lib.recordings.recording import Header

FILE = Path("new.fif")


def header(*names, kind="eeg"):
    return Header(list(names), [kind] * len(names), 100.0)


def found(model, recording, kind="eeg"):
    return find_channels(model, [kind] * len(model), header(*recording, kind=kind), file=FILE)


def test_rows_are_in_the_models_order():
    result = found(["Cz", "Oz", "Pz"], ["EOG", "Pz", "Cz", "Oz"])
    assert list(result.rows.items()) == [("Cz", 2), ("Oz", 3), ("Pz", 1)]
    assert (result.missing, result.respelt) == ([], {})


@pytest.mark.parametrize(
    ("model", "recording"),
    [
        ("PO7", "po7"),
        ("PO7", " PO7 "),
        ("Fp1", "EEG FP1-REF"),
        ("Fp1", "EEG Fp1-LE"),
        ("Fc5", "FC5."),
        ("T7", "T3"),
        ("P8", "EEG T6-Ref"),
        ("MRO11-1609", "MRO11-4304"),
        ("MEG0111", "MEG 0111"),
    ],
)
def test_other_spellings_are_found_and_named(model, recording):
    kind = "mag" if model.startswith("M") else "eeg"
    result = found([model, "Iz"], [recording, "Iz"], kind)
    assert (dict(result.rows), result.respelt) == ({model: 0, "Iz": 1}, {model: recording})


@pytest.mark.parametrize("recording", ["Fp1-F7", "FCz", "F1", "REF", "Fp1b", "Fp11"])
def test_a_bipolar_or_another_channel_is_not_taken(recording):
    assert found(["Fp1", "Iz"], [recording, "Iz"]).missing == ["Fp1"]


def test_a_current_name_goes_before_a_former_one():
    assert found(["T7"], ["T3", "t7"]).respelt == {"T7": "t7"}


def test_two_spellings_of_one_channel_are_not_guessed():
    assert found(["Cz", "Iz"], ["CZ", "cz", "Iz"]).missing == ["Cz"]


@pytest.mark.parametrize(
    ("model", "recording", "message"),
    [
        ("eeg", "mag", "the model was trained on 2 channels of EEG, the recording has 2 of MEG"),
        ("mag", "eeg", "the model was trained on 2 channels of MEG, the recording has 2 of EEG"),
        ("mag", "grad", "channel A is of type grad, but the model's is of type mag"),
    ],
)
def test_other_sensors_are_refused(model, recording, message):
    with pytest.raises(InputError, match=message):
        find_channels(["A", "B"], [model] * 2, header("A", "B", kind=recording), file=FILE)


def test_types_that_are_not_known_refuse_nothing():
    assert not find_channels(["A"], [], header("A", kind="grad"), file=FILE).missing
    assert not find_channels(["A"], ["misc"], header("A"), file=FILE).missing


def test_none_of_the_models_channels():
    with pytest.raises(InputError, match=r"new.fif: none of the model's 2 channels \(Cz, Oz\) is there; .*E1, E2"):
        found(["Cz", "Oz"], ["E1", "E2"])


def test_names_that_stand_there_twice():
    with pytest.raises(InputError, match="more than once: Cz"):
        found(["Cz"], ["Cz", "Cz"])


def test_what_is_said_of_missing_channels():
    recording = header("Cz", "E2")
    result = find_channels(["Cz", "Oz"], ["eeg"] * 2, recording, file=FILE)
    assert missing_line(result, recording, most=1) == (
        "1 of the model's 2 channels is missing: Oz; rename them, if they are among E2, or have them interpolated "
        "with --interpolate"
    )
    assert missing_line(result, recording, most=0).endswith("or at most 0 could be interpolated")
