"""What the files of the MEG study promise."""

import csv
import json
import re

import mne
import numpy as np
import pytest

from pipeline_lib.phantom.meg_design import CATCH_CODE, SFREQ
from pipeline_lib.phantom.meg_files import (
    LARGEST,
    RESOLUTION,
    channel_names,
    channel_types,
    write_events,
    write_fif,
    write_sidecars,
    write_study_files,
)

REAL = "things-meg-bids/sub-BIGMEG1/ses-01/meg/sub-BIGMEG1_ses-01_task-main_run-01"
FORMS = {"float": r"\d+\.\d+", "int": r"\d+", "N/A": "N/A", "word": "[a-z]+"}


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def form(text):
    return next(name for name, pattern in FORMS.items() if re.fullmatch(pattern, text))


def forms(rows):
    """How numbers are written: (trial type, column, form)."""
    return {(row["trial_type"], column, form(text)) for row in rows for column, text in row.items()}


@pytest.fixture
def events(tmp_path):
    path = tmp_path / "events.tsv"
    codes, onsets = np.array([3, CATCH_CODE, 1, 3]), np.array([1200, 1561, 1920, 2279])
    write_events(path, codes, onsets, categories=[7, 7, 2], is_test=np.array([True, False, False]))
    return path


@pytest.fixture
def recording():
    rng = np.random.default_rng(0)
    data = 1e-12 * rng.standard_normal((len(channel_names()), 2400))
    data[-1] = 0
    data[-1, 1200:1224] = 64
    return data


def test_events_by_hand(events):
    assert events.read_text(encoding="utf-8") == (
        "onset\tduration\ttrial_type\tthings_category_nr\tvalue\tsample\n"
        "1.0\t0.2\texp\t2.0\t3.0\t1200\n"
        "1.3008333333333333\t0.2\tcatch\tN/A\tN/A\t1561\n"
        "1.6\t0.2\ttest\t7.0\t1.0\t1920\n"
        "1.8991666666666667\t0.2\texp\t2.0\t3.0\t2279\n"
    )


def test_events_are_written_as_the_real_ones(events, real_data):
    real, ours = table(real_data / f"{REAL}_events.tsv"), table(events)
    assert list(ours[0]) == list(real[0])
    assert forms(ours) == forms(real)
    assert all(float(row["onset"]) * SFREQ == pytest.approx(int(row["sample"])) for row in (*real, *ours))


def test_channels_are_described_as_in_the_real_study(tmp_path, real_data):
    write_sidecars(tmp_path / "run", n_samples=2400)
    real, ours = table(real_data / f"{REAL}_channels.tsv"), table(tmp_path / "run_channels.tsv")
    names = {row["name"] for row in ours}
    assert [row for row in real if row["name"] in names] == ours
    assert len(ours) == 276
    assert {row["name"]: row["status"] for row in ours}["MRO11-1609"] == "good"


def test_the_sidecar_has_the_real_ones_keys(tmp_path, real_data):
    write_sidecars(tmp_path / "run", n_samples=2400)
    ours = json.loads((tmp_path / "run_meg.json").read_text())
    real = json.loads((real_data / f"{REAL}_meg.json").read_text())
    assert set(ours) <= set(real)
    assert all(isinstance(ours[key], type(real[key])) for key in ours)
    assert (ours["MEGChannelCount"], ours["RecordingDuration"]) == (272, 2.0)


def test_the_study_names_its_people(tmp_path):
    write_study_files(tmp_path, 2)
    assert [row["participant_id"] for row in table(tmp_path / "participants.tsv")] == ["sub-BIGMEG1", "sub-BIGMEG2"]
    assert "ynthetic" in json.loads((tmp_path / "dataset_description.json").read_text())["Name"]


def test_mne_reads_what_was_written(tmp_path, recording):
    written = recording.copy()
    write_fif(tmp_path / "run_meg.fif", recording)
    raw = mne.io.read_raw_fif(tmp_path / "run_meg.fif", verbose="error")
    assert raw.ch_names == channel_names()
    assert raw.get_channel_types() == channel_types()
    assert raw.info["sfreq"] == SFREQ
    assert raw.get_data()[:-1] == pytest.approx(written[:-1], abs=RESOLUTION / 2 * 1.001)
    assert np.array_equal(raw.get_data()[-1], written[-1])
    assert mne.find_events(raw, verbose="error").tolist() == [[1200, 0, 64]]


def test_reference_channels_are_no_sensors(tmp_path, recording):
    write_fif(tmp_path / "run_meg.fif", recording)
    info = mne.io.read_raw_fif(tmp_path / "run_meg.fif", verbose="error").info
    sensors = mne.pick_types(info, meg=True, ref_meg=False)
    assert len(sensors) == 272
    assert {info["chs"][pick]["coil_type"] for pick in sensors} == {5001}  # CTF's axial gradiometers
    assert all(np.isfinite(info["chs"][pick]["loc"]).all() for pick in sensors)
    assert len(mne.pick_types(info, meg=False, ref_meg=True)) == 3


def test_rounding_loses_less_than_a_femtotesla_and_loud_signals_are_cut(tmp_path, recording):
    assert RESOLUTION < 1e-15
    recording[5], recording[6] = 1e-9, -1e-9
    write_fif(tmp_path / "run_meg.fif", recording)
    data = mne.io.read_raw_fif(tmp_path / "run_meg.fif", verbose="error").get_data()
    assert set(data[5]) == {LARGEST}
    assert set(data[6]) == {-LARGEST}


def test_half_the_size_of_floats(tmp_path, recording):
    write_fif(tmp_path / "run_meg.fif", recording)
    assert (tmp_path / "run_meg.fif").stat().st_size < 2 * recording.size + 300_000
