"""What the layout `arrays` promises."""

import numpy as np
import pandas as pd
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.arrays import read_arrays

TRIALS = {
    "image": ["train/1", "train/2.jpg", "train/3.jpg", "test/1.png", "test/2", "train/1"],
    "split": ["train", "train", "train", "test", "test", "train"],
}
RESPONSES = np.random.default_rng(0).standard_normal((6, 4))


@pytest.fixture
def write(tmp_path):
    """Writes a subject's files and gives the study's root; a column that is None is left out."""

    def save(responses=RESPONSES, **columns):
        folder = tmp_path / "sub-01"
        folder.mkdir(exist_ok=True)
        np.save(folder / "responses.npy", responses)
        columns = {name: values for name, values in (TRIALS | columns).items() if values is not None}
        pd.DataFrame(columns).to_csv(folder / "trials.csv", index=False)
        return tmp_path

    return save


def test_responses_without_a_time_axis(write, table):
    data = read_arrays(write(), "sub-01", table)
    assert data.epochs.shape == (6, 4, 1)
    np.testing.assert_allclose(data.epochs[:, :, 0], RESPONSES, rtol=1e-6)
    assert data.image_ids.tolist() == ["train/1", "train/2", "train/3", "test/1", "test/2", "train/1"]
    assert data.test.tolist() == [False, False, False, True, True, False]
    assert data.session.tolist() == [1] * 6
    assert (data.ch_names, data.sfreq) == (["ch-001", "ch-002", "ch-003", "ch-004"], None)


@pytest.mark.parametrize("dtype", [np.float16, np.int32, bool])
def test_responses_of_any_numbers(write, table, dtype):
    responses = (RESPONSES > 0).astype(dtype)
    assert np.array_equal(read_arrays(write(responses), "sub-01", table).epochs[:, :, 0], RESPONSES > 0)


def test_responses_with_a_time_axis_and_sessions(write, table):
    responses = np.random.default_rng(1).standard_normal((6, 4, 5))
    data = read_arrays(write(responses, session=[2, 2, 1, 1, 1, 1]), "sub-01", table)
    np.testing.assert_allclose(data.epochs, responses, rtol=1e-6)
    assert data.session.tolist() == [2, 2, 1, 1, 1, 1]


def test_a_subject_column_selects_rows(write, table):
    root = write(subject=["sub-01", "x", "sub-01", "sub-01", "sub-01", "x"])
    data = read_arrays(root, "sub-01", table)
    np.testing.assert_allclose(data.epochs[:, :, 0], RESPONSES[[0, 2, 3, 4]], rtol=1e-6)
    assert data.image_ids.tolist() == ["train/1", "train/3", "test/1", "test/2"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"subject": ["a", "b", "a", "b", "a", "b"]}, r"column subject has no 'sub-01'; it has: a, b"),
        ({"split": None}, r"trials\.csv: columns are missing: split; it has: image"),
        ({"split": ["train"] * 5 + ["val"]}, r"split is 'val', allowed: train, test"),
        (
            {"split": ["test", *TRIALS["split"][1:]]},
            r"image 'train/1' is marked test but the stimulus table says train",
        ),
        ({"image": ["train/9", *["train/1"] * 5]}, r"1 images are not in the stimulus table: train/9"),
        ({"image": ["1", *["train/1"] * 5]}, r"image '1' could be any of train/1, test/1, center/1"),
        ({"image": ["center/1", *["train/1"] * 5]}, r"'center/1' is marked train but the stimulus table says center"),
        ({"session": ["a"] * 6}, r"column session must hold whole numbers"),
    ],
)
def test_a_spoiled_table_is_named(write, table, columns, message):
    with pytest.raises(InputError, match=message):
        read_arrays(write(**columns), "sub-01", table)


@pytest.mark.parametrize(
    ("responses", "message"),
    [
        (np.zeros((5, 4)), r"responses\.npy: 5 trials, but trials.csv beside it has 6 rows"),
        (np.zeros(6), r"float64 of shape \(6,\), expected numbers of shape \(trials, channels\)"),
        (np.zeros((6, 2, 3, 4)), r"of shape \(6, 2, 3, 4\)"),
        (np.zeros((6, 0)), r"of shape \(6, 0\)"),
        (np.array(["a"] * 6)[:, None], r"holds <U1"),
        (np.zeros((6, 4), dtype=complex), r"holds complex128"),
    ],
)
def test_spoiled_responses_are_named(write, table, responses, message):
    with pytest.raises(InputError, match=message):
        read_arrays(write(responses), "sub-01", table)


def test_missing_files_are_named(write, tmp_path, table):
    root = write()
    (root / "sub-01" / "trials.csv").unlink()
    with pytest.raises(InputError, match=r"trials\.csv: no such file; layout arrays expects responses.npy and trials"):
        read_arrays(root, "sub-01", table)
    (root / "sub-01" / "trials.csv").write_bytes(b"")
    with pytest.raises(InputError, match=r"trials\.csv: not a csv table"):
        read_arrays(root, "sub-01", table)
    with pytest.raises(InputError, match=r"sub-07: no such subject; expected responses.npy and trials.csv; .*: sub-01"):
        read_arrays(root, "sub-07", table)
    write()
    (root / "sub-01" / "responses.npy").unlink()
    with pytest.raises(InputError, match=r"responses\.npy: cannot be read"):
        read_arrays(root, "sub-01", table)
