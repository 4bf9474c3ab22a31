"""What the reader of the layout `things-eeg2` promises."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.things_eeg2 import LAYOUT
from tests.recordings.sparse_file import write_sparse_raw
from tests.recordings.tiny_study import raw_file, save_session, study_params


@pytest.fixture
def runs(tmp_path):
    """The runs of subject sub-01 below the test's folder."""
    return lambda subject="sub-01": LAYOUT.runs(study_params(layout="things-eeg2", root=tmp_path), subject)


@pytest.fixture
def defects(tmp_path):
    """Place, below the subject's folder, what and action of each defect."""

    def found():
        study = study_params(layout="things-eeg2", root=tmp_path)
        places = LAYOUT.defects(study, "sub-01")
        return [(d.place.relative_to(tmp_path / "sub-01").as_posix(), d.what, d.action) for d in places]

    return found


@pytest.fixture
def run_of(tmp_path, runs):
    """The run of one content, saved as training file."""

    def save(content, name="training"):
        save_session(tmp_path / "sub-01" / "ses-01", **{name: content})
        (run,) = runs()
        return run

    return save


def test_reads_header_events_and_signal(run_of):
    content = raw_file([5, 99999, 7])
    run = run_of(content)
    assert run.header().ch_names == run.signal().ch_names == ["Fp1", "Oz", "Pz"]
    assert run.header().ch_types == ["eeg"] * 3
    assert run.header().sfreq == run.signal().sfreq == 1000.0
    assert np.array_equal(run.signal().data, content["raw_eeg_data"][:-1])
    assert run.events().to_dict("list") == {
        "onset": [300, 600, 900],
        "image": [5, 99999, 7],
        "split": ["train", "target", "train"],
    }
    assert run.events()["image"].dtype == run.events()["onset"].dtype == np.int64


@pytest.mark.parametrize("dtype", [np.float32, np.int32, ">f8"])
def test_numbers_of_any_kind(run_of, dtype):
    content = raw_file([5, 7])
    content["raw_eeg_data"][:-1] *= 1e9
    content["raw_eeg_data"] = content["raw_eeg_data"].astype(dtype)
    run = run_of(content)
    assert np.array_equal(run.signal().data, content["raw_eeg_data"][:-1])
    assert run.events()["image"].tolist() == [5, 7]


def test_the_trigger_channel_may_stand_anywhere_and_other_kinds_are_left_out(run_of):
    content = raw_file([5])
    order = [3, 0, 1, 2]
    content["raw_eeg_data"] = content["raw_eeg_data"][order]
    content["ch_names"] = np.array(["stim", "Fp1", "HEOG", "Pz"])
    content["ch_types"] = ["STIM", "EEG", "EOG", "EEG"]
    run = run_of(content, name="test")
    assert run.header().ch_names == ["Fp1", "Pz"]
    assert np.array_equal(run.signal().data, content["raw_eeg_data"][[1, 3]])
    assert run.events().to_numpy().tolist() == [[300, 5, "test"]]


def test_without_types_the_trigger_channel_is_known_by_name(run_of):
    content = raw_file([5])
    del content["ch_types"]
    assert run_of(content).events()["image"].tolist() == [5]


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
        (put("ch_names", "Fp1"), "ch_names must be a list of names, is a str"),
        (put("ch_types", 4), "ch_types must be a list of names, is a int"),
        (put("raw_eeg_data", np.zeros(10)), r"shape \(10,\)"),
        (put("raw_eeg_data", np.zeros((1, 4, 10))), r"shape \(1, 4, 10\)"),
        (put("raw_eeg_data", np.zeros((4, 0))), r"shape \(4, 0\)"),
        (put("raw_eeg_data", [[1, 2]]), "must be an array of real numbers"),
        (put("raw_eeg_data", np.zeros((4, 9), dtype=complex)), "must be an array of real numbers, is complex128"),
        (put("sfreq", 0), "sfreq is 0, allowed: a positive number of Hz"),
        (put("sfreq", "fast"), "sfreq is 'fast'"),
        (put("sfreq", 10**400), "sfreq is 1000"),
        (put("sfreq", np.nan), "sfreq is nan"),
        (without("sfreq"), "keys are missing: sfreq"),
        (without("raw_eeg_data"), "keys are missing: raw_eeg_data; it holds: ch_names"),
        (lambda content: content["raw_eeg_data"].__setitem__((-1, 5), 1.5), "no event codes: 1.5"),
        (lambda content: content["raw_eeg_data"].__setitem__((-1, 5), np.nan), "no event codes: nan"),
    ],
)
def test_a_damaged_file_is_one_line_with_its_name(run_of, spoil, message):
    content = raw_file([5])
    spoil(content)
    run = run_of(content)
    with pytest.raises(InputError, match=rf"raw_eeg_training\.npy: .*{message}"):
        (run.header(), run.signal(), run.events())


def test_sessions_are_in_order_of_number(tmp_path, runs):
    for number in (10, 2):
        save_session(tmp_path / "sub-01" / f"ses-{number:02d}", training=raw_file([number]), test=raw_file([1]))
    (tmp_path / "sub-01" / "notes").mkdir()
    (tmp_path / "sub-01" / "._ses-01").write_text("AppleDouble")
    found = runs()
    assert [(run.session, run.file.name) for run in found] == [
        (2, "raw_eeg_training.npy"),
        (2, "raw_eeg_test.npy"),
        (10, "raw_eeg_training.npy"),
        (10, "raw_eeg_test.npy"),
    ]
    assert [run.events()["image"].tolist() for run in found] == [[2], [1], [10], [1]]


def test_no_content_is_read_before_it_is_asked_for(tmp_path, runs):
    (tmp_path / "sub-01" / "ses-01").mkdir(parents=True)
    (tmp_path / "sub-01" / "ses-01" / "raw_eeg_test.npy").write_text("../../.git/annex/objects/x.npy")
    (run,) = runs()
    with pytest.raises(InputError, match=r"raw_eeg_test\.npy: not an npy file"):
        run.events()


def test_the_other_name_of_the_training_file(tmp_path, runs):
    save_session(tmp_path / "sub-01" / "ses-01", train=raw_file([3]))
    (run,) = runs()
    assert run.events().to_numpy().tolist() == [[300, 3, "train"]]


def test_a_session_that_is_there_twice_is_named(tmp_path, runs):
    for name in ("ses-1", "ses-01"):
        save_session(tmp_path / "sub-01" / name, test=raw_file([3]))
    with pytest.raises(InputError, match=r"ses-01: session 1 is also in ses-1; remove one of the two"):
        runs()


def test_a_whole_study_has_no_defects(tmp_path, defects):
    for number in (1, 2):
        save_session(tmp_path / "sub-01" / f"ses-{number:02d}", training=raw_file([1]), test=raw_file([1]))
    assert defects() == []


def test_defects_are_found_by_name(tmp_path, defects):
    folder = tmp_path / "sub-01"
    save_session(folder / "ses-01", training=raw_file([1]), train=raw_file([1]), test=raw_file([1]))
    save_session(folder / "ses-03", test=raw_file([1]))
    save_session(folder / "ses-05", training=raw_file([1]))
    (folder / "ses-03" / "._raw_eeg_test.npy").write_text("Mac OS X")
    assert defects() == [
        (".", "session 2 is missing", "the other sessions are read"),
        (".", "session 4 is missing", "the other sessions are read"),
        ("ses-03/._raw_eeg_test.npy", "AppleDouble file, made by macOS beside the real one", "ignored"),
        ("ses-01/raw_eeg_train.npy", "another file of the train images", "ignored; raw_eeg_training.npy is read"),
        ("ses-03/raw_eeg_training.npy", "no recording of the train images", "the session goes without it"),
        ("ses-05/raw_eeg_test.npy", "no recording of the test images", "the session goes without it"),
    ]


def test_a_missing_subject_lists_those_that_are_there(tmp_path, runs):
    for name in ("sub-01", "sub-02"):
        (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=r"sub-03: no such subject; expected ses-01, .*holds: sub-01, sub-02"):
        runs("sub-03")
    with pytest.raises(InputError, match=r"sub-01: the subject's folder is empty; expected ses-01"):
        runs()
    with pytest.raises(InputError, match=r"nowhere: no such folder; study.root must hold one folder per subject"):
        LAYOUT.runs(study_params(layout="things-eeg2", root=tmp_path / "nowhere"), "sub-01")


def test_folders_without_recordings_are_named(tmp_path, runs):
    (tmp_path / "sub-01" / "anat").mkdir(parents=True)
    with pytest.raises(InputError, match=r"sub-01: no sessions; expected ses-01"):
        runs()
    (tmp_path / "sub-01" / "ses-01").mkdir()
    with pytest.raises(InputError, match=r"ses-01: no recordings; expected raw_eeg_training.npy"):
        runs()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_tables_and_headers_of_a_gigabyte_cost_neither_time_nor_memory(tmp_path, runs):
    folder = tmp_path / "sub-01" / "ses-01"
    folder.mkdir(parents=True)
    codes = {100_000 * i: i for i in range(1, 20)}
    write_sparse_raw(folder / "raw_eeg_training.npy", n_channels=64, n_samples=2_000_000, codes=codes)
    before, start = resident_bytes(), time.perf_counter()
    (run,) = runs()
    assert len(run.header().ch_names) == 63
    assert run.events()["onset"].tolist() == list(codes)
    assert run.signal().data.shape == (63, 2_000_000)
    assert resident_bytes() - before < 50e6
    assert time.perf_counter() - start < 3


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
