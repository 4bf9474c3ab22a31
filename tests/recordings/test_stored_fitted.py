"""The epochs store keeps what was fitted, and one without it says how to make it anew."""

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.epochs_data import EpochsData
from pipeline_lib.recordings.fitted import Fitted
from pipeline_lib.recordings.store import open_store, write_store
from tests.recordings.older_store import without_fitted

FITTED = Fitted(
    matrices={2: np.diag([1.0, 2.0]), 7: np.eye(2) / 3},
    mean=np.array([0.1, 0.2]),
    scale=np.array([1.0, 3.0]),
    sessions={2: ["ses-02/a.npy"], 7: ["b.fif", "c.fif"]},
)


def data(**changes):
    shown = np.array(["a", "b", "x", "y"])
    values = {
        "epochs": np.random.default_rng(0).standard_normal((4, 2, 3)).astype(np.float32),
        "image_ids": shown,
        "session": np.array([2, 2, 7, 7]),
        "test": np.isin(shown, ["x", "y"]),
        "ch_names": ["Oz", "Pz"],
        "sfreq": 250.0,
        "tmin": 0.0,
        "subject": "sub-01",
        "whitening": "none",
        "provenance": {},
    }
    return EpochsData(**{**values, **changes})


def test_what_was_fitted_comes_back(tmp_path):
    write_store(tmp_path / "x.zarr.zip", data(fitted=FITTED, ch_types=["eeg", "eeg"]))
    store = open_store(tmp_path / "x.zarr.zip")
    found = store.fitted()
    assert list(found.matrices) == [2, 7]
    assert all(np.array_equal(found.matrices[number], FITTED.matrices[number]) for number in (2, 7))
    assert np.array_equal(found.mean, FITTED.mean)
    assert np.array_equal(found.scale, FITTED.scale)
    assert found.sessions == FITTED.sessions
    assert store.ch_types == ["eeg", "eeg"]


def test_nothing_fitted_is_nothing(tmp_path):
    write_store(tmp_path / "x.zarr.zip", data())
    assert open_store(tmp_path / "x.zarr.zip").fitted() == Fitted()


def test_the_same_content_is_the_same_bytes(tmp_path):
    for name in "ab":
        write_store(tmp_path / name, data(fitted=FITTED))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_older_store_is_read_and_says_what_it_lacks(tmp_path):
    write_store(tmp_path / "new.zarr.zip", data(fitted=FITTED))
    store = open_store(without_fitted(tmp_path / "new.zarr.zip", tmp_path / "old.zarr.zip"))
    assert store.means(test=True).image_ids == ["x", "y"]
    assert store.ch_types == []
    with pytest.raises(InputError, match=r"old\.zarr\.zip: an epochs store of an older version.*run 'dvc repro'"):
        store.fitted()
