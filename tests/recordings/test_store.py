"""What the epochs store promises."""

import zipfile
from dataclasses import replace

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings import store as store_module
from pipeline_lib.recordings.store import EpochsData, open_store, write_store

SHOWN = ["b", "y", "a", "b", "x", "a", "b", "y"]


@pytest.fixture
def data():
    """Eight trials of images a, b (training) and x, y (test), two channels, three samples, two sessions."""
    epochs = np.random.default_rng(0).standard_normal((8, 2, 3)).astype(np.float32)
    return EpochsData(
        epochs=epochs,
        image_ids=np.array(SHOWN),
        session=np.array([1, 1, 1, 1, 2, 2, 2, 2]),
        test=np.isin(SHOWN, ["x", "y"]),
        ch_names=["Oz", "Pz"],
        sfreq=250.0,
        tmin=-0.1,
        subject="sub-01",
        whitening="none",
        provenance={"layout": "things-eeg2"},
    )


def test_single_trials_come_back(tmp_path, data):
    write_store(tmp_path / "x.zarr.zip", data)
    store = open_store(tmp_path / "x.zarr.zip")
    for test, rows in ((False, [0, 2, 3, 5, 6]), (True, [1, 4, 7])):
        trials = store.trials(test=test)
        assert trials.image_ids == [SHOWN[row] for row in rows]
        assert np.array_equal(trials.epochs, data.epochs[rows])
        assert trials.epochs.dtype == np.float32
        assert trials.session.tolist() == data.session[rows].tolist()
    assert store.trials(test=False).repeat.tolist() == [0, 0, 1, 1, 2]
    assert store.trials(test=True).repeat.tolist() == [0, 0, 1]


def test_means_are_means_per_image(tmp_path, data):
    write_store(tmp_path / "x.zarr.zip", data)
    store = open_store(tmp_path / "x.zarr.zip")
    for test, image_ids, counts in ((False, ["a", "b"], [2, 3]), (True, ["x", "y"], [1, 2])):
        means = store.means(test=test)
        assert means.image_ids == image_ids
        assert means.repeat.tolist() == counts
        for image_id, mean in zip(image_ids, means.epochs, strict=True):
            trials = data.epochs[[row for row, shown in enumerate(SHOWN) if shown == image_id]]
            np.testing.assert_allclose(mean, trials.astype(np.float64).mean(axis=0), rtol=1e-6)


def test_says_what_it_holds(tmp_path, data):
    write_store(tmp_path / "x.zarr.zip", replace(data, sfreq=None))
    store = open_store(tmp_path / "x.zarr.zip")
    assert (store.ch_names, store.sfreq, store.tmin) == (["Oz", "Pz"], None, -0.1)
    assert (store.n_channels, store.n_times) == (2, 3)
    assert store.attrs["image_ids"] == ["a", "b", "x", "y"]
    assert (store.attrs["subject"], store.attrs["whitening"]) == ("sub-01", "none")
    assert store.attrs["provenance"] == {"layout": "things-eeg2"}


def test_holds_the_arrays_of_the_contract(tmp_path, data):
    write_store(tmp_path / "x.zarr.zip", data)
    root = store_module.open_zarr_zip(tmp_path / "x.zarr.zip")
    dtypes = {name: array.dtype.name for name, array in root["trials"].arrays()}
    assert dtypes == {"epochs": "float32", "image": "int32", "session": "int16", "repeat": "int16", "test": "bool"}
    dtypes = {name: array.dtype.name for name, array in root["means"].arrays()}
    assert dtypes == {"epochs": "float32", "image": "int32", "count": "int32", "test": "bool"}


def test_the_same_trials_give_the_same_bytes(tmp_path, data):
    for name in ("x", "y"):
        write_store(tmp_path / name, data)
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


def test_many_chunks_equal_one(tmp_path, data, monkeypatch):
    write_store(tmp_path / "x", data)
    monkeypatch.setattr(store_module, "CHUNK_BYTES", 2 * data.epochs[0].nbytes)
    write_store(tmp_path / "y", data)
    with zipfile.ZipFile(tmp_path / "y") as archive:
        assert sum(name.startswith("trials/epochs/c") for name in archive.namelist()) == 4
    for part in (True, False):
        one, many = (open_store(tmp_path / name) for name in ("x", "y"))
        assert np.array_equal(one.trials(test=part).epochs, many.trials(test=part).epochs)
        assert np.array_equal(one.means(test=part).epochs, many.means(test=part).epochs)


def test_means_are_read_without_the_trials(tmp_path, data):
    write_store(tmp_path / "x", data)
    with zipfile.ZipFile(tmp_path / "x") as whole, zipfile.ZipFile(tmp_path / "y", "w") as without:
        for name in whole.namelist():
            if not name.startswith("trials/epochs/c"):
                without.writestr(name, whole.read(name))
    whole, without = (open_store(tmp_path / name).means(test=True) for name in ("x", "y"))
    assert np.array_equal(whole.epochs, without.epochs)
    assert not open_store(tmp_path / "y").trials(test=True).epochs.any()  # the trials really are gone


def test_nothing_half_written_is_left(tmp_path, data, monkeypatch):
    (tmp_path / "x").write_text("old")

    def fails(*_):
        raise OSError("disk full")

    monkeypatch.setattr(store_module, "_means_of", fails)
    with pytest.raises(OSError, match="disk full"):
        write_store(tmp_path / "x", data)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "old"


def test_a_truncated_store_is_one_line(tmp_path, data):
    write_store(tmp_path / "x.zarr.zip", data)
    whole = (tmp_path / "x.zarr.zip").read_bytes()
    (tmp_path / "x.zarr.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"x\.zarr\.zip: not a whole zarr store"):
        open_store(tmp_path / "x.zarr.zip")


def test_a_store_of_something_else_is_named(tmp_path):
    import zarr

    zarr.open_group(tmp_path / "folder", mode="w")
    store_module.pack_zarr(tmp_path / "folder", tmp_path / "x.zarr.zip")
    with pytest.raises(InputError, match=r"x\.zarr\.zip: not an epochs store"):
        open_store(tmp_path / "x.zarr.zip")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test": np.zeros(7, dtype=bool)}, "one entry for each of the 8 trials"),
        ({"epochs": np.zeros((8, 3, 2), dtype=np.float32)}, "epochs have shape"),
        ({"epochs": np.zeros((0, 2, 3), dtype=np.float32)}, "epochs have shape"),
        ({"test": np.arange(8) > 4}, "both training and test images"),
    ],
)
def test_inconsistent_trials_are_refused(tmp_path, data, change, message):
    with pytest.raises(ValueError, match=message):
        write_store(tmp_path / "x", replace(data, **change))
    assert not (tmp_path / "x").exists()
