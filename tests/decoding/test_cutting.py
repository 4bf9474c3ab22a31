"""Epochs come out as stage `preprocess` cuts them, and nothing outside a recording is invented."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.decoding.cutting import at_any_rate, check_inside, cut_recording, cut_trials
from pipeline_lib.decoding.opened import Continuous, CutTrials
from pipeline_lib.decoding.reading import Sensors
from pipeline_lib.recordings.params import PreprocessParams
from pipeline_lib.recordings.recording import Header

FILE = Path("new.fif")
HEADER = Header(["A", "B"], ["eeg", "eeg"], 200.0)
SENSORS = Sensors(["B", "A"], ["eeg", "eeg"], interpolate=False, keep_flat=False, montage="standard_1005")


@pytest.fixture
def section(params):
    """Epochs of -0.1 to 0.4 s at 100 Hz, from 0 s on."""
    changes = {"tmin": -0.1, "tmax": 0.4, "sfreq": 100.0, "crop": {"start": 0.0, "stop": 0.4}}
    return PreprocessParams.model_validate(params["preprocess"] | changes)


def continuous(n_samples=1000):
    data = np.random.default_rng(0).normal(size=(2, n_samples)).cumsum(axis=1) * 1e-6
    return Continuous(FILE, HEADER, n_samples, lambda rows: data[rows], lambda: pd.DataFrame()), data


def trials_of(data, onsets, tmin=-0.2, tmax=0.5):
    first, last = round(tmin * 200), round(tmax * 200)
    cut = np.stack([data[:, onset + first : onset + last + 1] for onset in onsets])
    words = pd.DataFrame({"onset": np.arange(len(onsets)), "word": ""})
    return CutTrials(FILE, HEADER, cut.shape[2], tmin, lambda some, rows: cut[some][:, rows], words)


def test_channels_are_in_the_models_order_and_window(section, said):
    opened, data = continuous()
    epochs, kept = cut_recording(opened, np.array([100, 500]), SENSORS, section, said.append)
    assert (epochs.shape, epochs.dtype, kept.tolist(), said) == ((2, 2, 40), np.float32, [True, True], [])
    baseline = data[1, 80:101].mean()
    assert epochs[0, 0, 0] == pytest.approx(data[1, 100] - baseline, abs=1.5e-6)


@pytest.mark.parametrize("baseline", ["mean", "zscore", "none"])
def test_trials_that_were_cut_already_come_out_the_same(section, said, baseline):
    section = section.model_copy(update={"baseline": baseline})
    opened, data = continuous()
    onsets = np.array([100, 300, 500])
    expected, _ = cut_recording(opened, onsets, SENSORS, section, said.append)
    found, _ = cut_trials(trials_of(data, onsets), np.arange(3), SENSORS, section, said.append)
    np.testing.assert_array_equal(found, expected)


def test_trials_without_the_models_baseline_keep_their_own(section, said):
    _, data = continuous()
    trials = trials_of(data, [100], tmin=0.0)
    found, _ = cut_trials(trials, np.arange(1), SENSORS, section, said.append)
    assert found.shape == (1, 2, 40)
    assert said == [
        "new.fif: the trials start at 0 s, later than the model's baseline (-0.1 s); their own baseline is kept"
    ]


def test_trials_that_end_too_early(section, said):
    _, data = continuous()
    with pytest.raises(InputError, match=r"new.fif: preprocess.crop is 0.0..0.4 s, but the trials span"):
        cut_trials(trials_of(data, [100], tmax=0.2), np.arange(1), SENSORS, section, said.append)


def test_trials_that_cannot_be_filtered_any_more(section, said):
    section = section.model_copy(update={"filter": section.filter.model_copy(update={"low": 1.0})})
    _, data = continuous()
    cut_trials(trials_of(data, [100]), np.arange(1), SENSORS, section, said.append)
    assert said == ["new.fif: the trials are cut already, so the model's filter (1.. Hz) is not applied"]


def test_rejected_trials(section, said):
    section = section.model_copy(update={"reject_peak_to_peak": 1e-4})
    opened, data = continuous()
    data[0, 500] += 1e-3
    onsets = np.array([100, 480])
    assert cut_recording(opened, onsets, SENSORS, section, said.append)[1].tolist() == [True, False]
    assert cut_trials(trials_of(data, onsets), np.arange(2), SENSORS, section, said.append)[1].tolist() == [True, False]


@pytest.mark.parametrize(
    ("onsets", "n_samples", "message"),
    [
        ([40], 100, r"lasts 0.5 s, too short for the model's window, -0.1..0.4 s"),
        ([10, 500, 950, 990], 1000, r"lasts 5 s, and 3 of 4 events do not lie in it .*; the first at 0.05 s"),
        ([-3, 500], 1000, r"1 of 2 events do not lie in it .*; the first at -0.015 s"),
        ([20, 919, 920], 1000, r"1 of 3 events .*; the first at 4.6 s"),
    ],
)
def test_events_outside_the_recording(section, onsets, n_samples, message):
    with pytest.raises(InputError, match=message):
        check_inside(np.array(onsets), n_samples, 200.0, section, FILE)


def test_events_at_the_very_ends(section):
    check_inside(np.array([20, 919]), 1000, 200.0, section, FILE)


def test_rates_that_cannot_be_decimated_are_resampled(section, said):
    decimating = section.model_copy(update={"resampling": "decimate"})
    assert at_any_rate(decimating, 200.0, FILE, said.append).resampling == "decimate"
    assert not said
    assert at_any_rate(decimating, 256.0, FILE, said.append).resampling == "fourier"
    assert at_any_rate(section, 50.0, FILE, said.append) is section
    assert [line.split(": ")[1][:30] for line in said] == [
        "256 Hz is no multiple of the m",
        "50 Hz is less than the model's",
    ]
