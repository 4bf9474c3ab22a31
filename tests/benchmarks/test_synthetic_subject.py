"""The made-up subject is one that the layout's reader takes for real, whatever its size."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.synthetic_subject import Size, write_recording, write_subject, write_table
from pipeline_lib.common.stimulus_table import read_stimulus_table
from pipeline_lib.recordings.channels import THINGS_EEG2
from pipeline_lib.recordings.safe_pickle import load_dict

SIZE = Size(train_images=4, test_images=2)


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "sub-01"
    write_subject(folder, SIZE)
    return folder


def test_the_full_size_is_that_of_things_eeg2():
    assert (Size().train_trials, Size().test_trials) == (16540 * 4, 200 * 80)


def test_files_are_what_numpy_would_have_saved(tmp_path):
    """Byte for byte, but for the instruction that says how long the samples are: numpy's has 4 bytes for that."""
    rng = np.random.default_rng(0)
    write_recording(tmp_path / "ours.npy", np.arange(1, 6), np.ones((6, 5)), rng.standard_normal((3, 5)), rng)
    content = np.load(tmp_path / "ours.npy", allow_pickle=True).item()
    np.save(tmp_path / "numpy.npy", content)
    ours, numpys = ((tmp_path / f"{name}.npy").read_bytes() for name in ("ours", "numpy"))
    n_bytes = content["raw_eeg_data"].nbytes
    assert ours.replace(b"\x8e" + n_bytes.to_bytes(8, "little"), b"B" + n_bytes.to_bytes(4, "little")) == numpys


def test_raw_files_hold_what_the_layout_asks_for(subject):
    files = sorted(path.relative_to(subject).as_posix() for path in subject.rglob("*.npy"))
    assert len(files) == 8
    content = load_dict(subject / "ses-01" / "raw_eeg_training.npy")
    assert content["ch_names"] == [*THINGS_EEG2, "stim"]
    assert content["ch_types"] == ["eeg"] * 63 + ["stim"]
    assert content["sfreq"] == 1000
    data = np.asarray(content["raw_eeg_data"])
    assert data.dtype == np.float64
    assert data.shape[0] == 64
    deviations = data[:-1].std(axis=1)
    assert np.all((deviations > 5e-6) & (deviations < 1e-4))  # volts


def test_each_training_image_is_shown_in_two_sessions_and_each_test_image_in_all(subject):
    shown = {"training": [], "test": []}
    for path in sorted(subject.rglob("*.npy")):
        stim = np.asarray(load_dict(path)["raw_eeg_data"][-1])
        codes = stim[stim != 0].astype(int)
        shown[path.stem.removeprefix("raw_eeg_")].append(codes[codes != 99999])
    for codes in shown["training"]:
        assert set(np.unique(codes, return_counts=True)[1]) == {2}
    assert np.bincount(np.concatenate(shown["training"])).tolist() == [0, 4, 4, 4, 4]
    assert [np.bincount(codes).tolist() for codes in shown["test"]] == [[0, 20, 20]] * 4


def test_the_table_names_every_image_once(tmp_path):
    write_table(tmp_path / "stimuli.csv", SIZE)
    table = read_stimulus_table(tmp_path / "stimuli.csv")
    counts = table.frame.groupby("split")["event_code"].agg(["min", "max", "size"])
    pd.testing.assert_index_equal(counts.index, pd.Index(["test", "train"], name="split"), exact=False)
    assert counts.to_numpy().tolist() == [[1, 2, 2], [1, 4, 4]]
