"""What epochs on disk promise: they read and write like an array's rows."""

import numpy as np
import pytest

from pipeline_lib.recordings.spool import Spool


@pytest.fixture
def epochs():
    return np.random.default_rng(0).standard_normal((20, 3, 5)).astype(np.float32)


@pytest.fixture
def spool(tmp_path, epochs):
    spool = Spool(tmp_path / "epochs", (3, 5))
    for start in (0, 7, 15):
        spool.append(epochs[start : {0: 7, 7: 15, 15: 20}[start]])
    yield spool
    spool.close()


@pytest.mark.parametrize(
    "rows",
    [
        slice(None),
        slice(3, 9),
        slice(18, 40),
        slice(5, 5),
        np.array([4, 5, 6, 2, 2, 19, 0]),
        np.array([], dtype=int),
        np.arange(20) % 3 == 0,
    ],
)
def test_rows_are_read_as_from_an_array(spool, epochs, rows):
    assert np.array_equal(spool[rows], epochs[rows])


@pytest.mark.parametrize("rows", [slice(2, 6), np.array([7, 3, 4]), np.arange(20) == 11])
def test_rows_are_replaced_as_in_an_array(spool, epochs, rows):
    changed = -2 * epochs[rows]
    spool[rows] = changed
    epochs[rows] = changed
    assert np.array_equal(spool[:], epochs)


def test_has_the_shape_of_the_array(spool, epochs):
    assert (len(spool), spool.shape, spool.ndim, spool.dtype) == (20, epochs.shape, 3, epochs.dtype)


def test_a_part_is_a_window_on_the_same_rows(spool, epochs):
    part = spool.part(7, 15)
    assert (len(part), part.shape) == (8, (8, 3, 5))
    assert np.array_equal(part[:], epochs[7:15])
    assert np.array_equal(part.part(2, 4)[:], epochs[9:11])
    part[slice(0, 2)] = np.zeros((2, 3, 5))
    epochs[7:9] = 0
    assert np.array_equal(spool[:], epochs)


def test_wider_numbers_are_rounded_to_single_precision(tmp_path):
    spool = Spool(tmp_path / "epochs", (1, 1))
    spool.append(np.full((1, 1, 1), 1 / 3))
    assert spool[:].item() == np.float32(1 / 3)
    spool.append(np.empty((0, 1, 1)))
    assert len(spool) == 1


def test_epochs_of_another_shape_are_refused(spool):
    with pytest.raises(ValueError, match=r"epochs of shape \(3, 4\) do not fit a spool of \(3, 5\)"):
        spool.append(np.zeros((1, 3, 4)))


def test_an_existing_file_is_never_overwritten(tmp_path):
    (tmp_path / "epochs").write_text("mine")
    with pytest.raises(FileExistsError):
        Spool(tmp_path / "epochs", (3, 5))
