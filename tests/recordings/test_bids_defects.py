"""Defects of BIDS files: each kind is told once, with the first file and how many there are."""

import os

import pandas as pd
import pytest

from pipeline_lib.recordings.bids import LAYOUT
from tests.recordings.bids_study import ANNEX, place_of, write_eeg_run, write_meg_run, write_table
from tests.recordings.test_bids import SHOWN, bids_params


@pytest.fixture
def study(tmp_path):
    for run in (1, 2, 3):
        write_eeg_run(tmp_path, f"sub-a_ses-1_task-x_run-{run}", SHOWN)
    return bids_params(tmp_path)


def told(study, subject="sub-a"):
    found = LAYOUT.defects(study, subject)
    return [(defect.place.name, defect.what, defect.action) for defect in found]


def file_of(study, run, suffix):
    return study.root / "sub-a/ses-1/eeg" / f"sub-a_ses-1_task-x_run-{run}_{suffix}"


def test_a_whole_study_has_none(study):
    assert told(study) == []


def test_missing_sidecars_are_counted_by_kind(study):
    file_of(study, 2, "channels.tsv").unlink()
    for run in (1, 3):
        file_of(study, run, "eeg.json").unlink()
    channels, rate = told(study)
    names = "types and names of channels are taken from the signal"
    assert channels == ("sub-a_ses-1_task-x_run-2_channels.tsv", "missing sidecar channels.tsv", names)
    name = "sub-a_ses-1_task-x_run-1_eeg.json"
    what = "missing sidecar eeg.json (the first of 2 files)"
    assert rate == (name, what, "the sampling rate is taken from the signal")


def test_a_missing_coordsystem_concerns_meg_alone(tmp_path):
    base = write_meg_run(tmp_path, "sub-b_task-x", SHOWN)
    base.with_name("sub-b_task-x_coordsystem.json").unlink()
    assert ("sub-b_task-x_coordsystem.json", "missing sidecar coordsystem.json", "not needed") in told(
        bids_params(tmp_path), "sub-b"
    )


def test_stubs_links_and_missing_signals_are_told_apart(study):
    file_of(study, 1, "eeg.bdf").write_text(ANNEX)
    file_of(study, 2, "eeg.bdf").unlink()
    os.symlink("nowhere", file_of(study, 2, "eeg.bdf"))
    file_of(study, 3, "eeg.bdf").unlink()
    assert [(place, what) for place, what, _ in told(study)] == [
        ("sub-a_ses-1_task-x_run-3_eeg", "no signal, not even a stub of it"),
        ("sub-a_ses-1_task-x_run-1_eeg.bdf", "a text stub in place of the signal"),
        ("sub-a_ses-1_task-x_run-2_eeg.bdf", "a link to content that was not fetched, a stub"),
    ]


def test_stray_files_are_ignored_wherever_they_are(study):
    for name in ("._x", "ses-1/._y", "ses-1/eeg/._sub-a_ses-1_task-x_run-1_events.tsv"):
        (study.root / "sub-a" / name).touch()
    assert told(study) == [
        ("._x", "AppleDouble file, which macOS writes beside the real one (the first of 3 files)", "ignored")
    ]


def test_nested_ctf_folders_are_ignored(tmp_path):
    base = place_of(tmp_path, "sub-a_task-x", "meg")
    write_table(base.with_name("sub-a_task-x_events.tsv"), SHOWN)
    folder = base.with_name("sub-a_task-x_meg.ds")
    for name in ("x_hz.ds", "x_hz2.ds"):
        (folder / name).mkdir(parents=True)
    nested = ("x_hz.ds", "nested .ds, a copy of the recording inside its own folder (the first of 2 files)", "ignored")
    assert nested in told(bids_params(tmp_path))


def test_byte_order_marks_are_read_past(study):
    write_table(file_of(study, 2, "events.tsv"), SHOWN, bom=True, newline="\r\n")
    assert told(study) == [
        ("sub-a_ses-1_task-x_run-2_events.tsv", "starts with a UTF-8 byte order mark (BOM)", "read past")
    ]
    assert len(LAYOUT.runs(study, "sub-a")[1].events()) == 3


def test_channels_that_are_marked_bad_are_named_and_kept(study):
    table = pd.DataFrame(
        {"name": ["Oz", "Pz", "EOG1"], "type": ["EEG", "EEG", "EOG"], "status": ["good", "bad", "good"]}
    )
    write_table(file_of(study, 1, "channels.tsv"), table)
    write_table(file_of(study, 2, "channels.tsv"), table.assign(status=["bad", "bad", "good"]))
    what = "channels are marked bad: Pz, Oz (the first of 2 files)"
    kept = "kept; name them in preprocess.exclude"
    assert told(study) == [("sub-a_ses-1_task-x_run-1_channels.tsv", what, kept)]
    assert "Pz" in LAYOUT.runs(study, "sub-a")[0].header().ch_names


def test_trials_that_are_written_twice_are_counted_once(study):
    write_table(file_of(study, 3, "events.tsv"), pd.concat([SHOWN, SHOWN.iloc[-1:]]))
    what = "1 trials are written again, equal in every column"
    assert told(study) == [("sub-a_ses-1_task-x_run-3_events.tsv", what, "counted once")]
    assert len(LAYOUT.runs(study, "sub-a")[2].events()) == 3


def test_signals_without_events_are_not_used(study):
    file_of(study, 1, "events.tsv").unlink()
    assert told(study) == [("sub-a_ses-1_task-x_run-1_eeg.bdf", "signal without an events.tsv", "not used")]


def test_damaged_sidecars_and_events_stop_no_report(study):
    file_of(study, 1, "eeg.json").write_text("{")
    file_of(study, 2, "channels.tsv").write_text("a\tb\n")
    file_of(study, 3, "events.tsv").write_text("")
    (json, channels) = told(study)
    assert "run-1_eeg.json: not json" in json[1]
    assert "run-2_channels.tsv: columns are missing: name, type; it has: a, b" in channels[1]
