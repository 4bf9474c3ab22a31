"""What the reader of the layout `things-eeg2` promises."""

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.things_eeg2 import read_recording, sessions
from tests.recordings.tiny_study import raw_file, save_session


@pytest.fixture
def file(tmp_path):
    """Saves a content as a raw file."""

    def save(content):
        np.save(tmp_path / "raw_eeg_training.npy", content)
        return tmp_path / "raw_eeg_training.npy"

    return save


def test_reads_signals_and_events_and_drops_targets(file):
    content = raw_file([5, 99999, 7])
    recording = read_recording(file(content), "train")
    assert recording.events.tolist() == [[300, 5], [900, 7]]
    assert np.array_equal(recording.data, content["raw_eeg_data"][:-1])
    assert (recording.ch_names, recording.sfreq, recording.partition) == (["Fp1", "Oz", "Pz"], 1000.0, "train")


def test_the_trigger_channel_may_stand_anywhere_and_other_kinds_are_left_out(file):
    content = raw_file([5])
    order = [3, 0, 1, 2]
    content["raw_eeg_data"] = content["raw_eeg_data"][order]
    content["ch_names"] = ["stim", "Fp1", "HEOG", "Pz"]
    content["ch_types"] = ["stim", "eeg", "eog", "eeg"]
    recording = read_recording(file(content), "test")
    assert recording.ch_names == ["Fp1", "Pz"]
    assert np.array_equal(recording.data, content["raw_eeg_data"][[1, 3]])
    assert recording.events.tolist() == [[300, 5]]


def test_without_types_the_trigger_channel_is_known_by_name(file):
    content = raw_file([5])
    del content["ch_types"]
    assert read_recording(file(content), "train").events.tolist() == [[300, 5]]


def without(key):
    return lambda content: content.pop(key)


def put(key, value):
    return lambda content: content.update({key: value})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (put("ch_types", ["eeg"] * 4), r"needs one trigger channel \(ch_types 'stim'\), has none; channels: Fp1, Oz"),
        (put("ch_types", ["eeg", "eeg", "stim", "stim"]), "has Pz, stim"),
        (put("ch_types", ["eeg", "stim"]), "2 ch_types for 4 ch_names"),
        (put("ch_names", ["Fp1", "stim"]), r"shape \(4, 1700\), expected \(2 channels, samples\)"),
        (put("raw_eeg_data", np.zeros(10)), r"shape \(10,\)"),
        (put("raw_eeg_data", np.zeros((1, 4, 10))), r"shape \(1, 4, 10\)"),
        (put("raw_eeg_data", np.zeros((4, 0))), r"shape \(4, 0\)"),
        (put("raw_eeg_data", [[1, 2]]), "must be an array of real numbers"),
        (put("raw_eeg_data", np.zeros((4, 9), dtype=complex)), "must be an array of real numbers, is complex128"),
        (put("sfreq", 0), "sfreq is 0, allowed: a positive number of Hz"),
        (put("sfreq", "fast"), "sfreq is 'fast'"),
        (without("sfreq"), "keys are missing: sfreq"),
        (without("raw_eeg_data"), "keys are missing: raw_eeg_data"),
    ],
)
def test_a_spoiled_file_is_named(file, spoil, message):
    content = raw_file([5])
    spoil(content)
    with pytest.raises(InputError, match=rf"raw_eeg_training\.npy: .*{message}"):
        read_recording(file(content), "train")


def test_sessions_are_in_order_of_number_and_read_when_asked_for(tmp_path):
    for number in (10, 2):
        save_session(tmp_path / "sub-01" / f"ses-{number:02d}", training=raw_file([number]), test=raw_file([1]))
    (tmp_path / "sub-01" / "notes").mkdir()
    (tmp_path / "sub-01" / "._ses-01").write_text("AppleDouble")
    found = sessions(tmp_path, "sub-01")
    assert [session.number for session in found] == [2, 10]
    recordings = list(found[1].recordings())
    assert [recording.partition for recording in recordings] == ["train", "test"]
    assert recordings[0].events[0, 1] == 10


def test_the_other_name_of_the_training_file(tmp_path):
    save_session(tmp_path / "sub-01" / "ses-01", train=raw_file([3]))
    (recording,) = sessions(tmp_path, "sub-01")[0].recordings()
    assert (recording.partition, recording.events[0, 1]) == ("train", 3)


def test_a_missing_subject_lists_those_that_are_there(tmp_path):
    for name in ("sub-01", "sub-02"):
        (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=r"sub-03: no such subject; expected ses-01, .*holds: sub-01, sub-02"):
        sessions(tmp_path, "sub-03")
    with pytest.raises(InputError, match=r"sub-01: the subject's folder is empty; expected ses-01"):
        sessions(tmp_path, "sub-01")
    with pytest.raises(InputError, match=r"nowhere: no such folder; study.root must hold one folder per subject"):
        sessions(tmp_path / "nowhere", "sub-01")


def test_folders_without_recordings_are_named(tmp_path):
    (tmp_path / "sub-01" / "anat").mkdir(parents=True)
    with pytest.raises(InputError, match=r"sub-01: no sessions; expected ses-01"):
        sessions(tmp_path, "sub-01")
    (tmp_path / "sub-01" / "ses-01").mkdir()
    with pytest.raises(InputError, match=r"ses-01: no recordings; expected raw_eeg_training.npy"):
        sessions(tmp_path, "sub-01")
