"""What the layout `arrays` promises."""

import numpy as np
import pandas as pd
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.arrays import LAYOUT
from tests.recordings.tiny_study import study_params

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


def runs_of(root, subject="sub-01"):
    return LAYOUT.runs(study_params(layout="arrays", root=root), subject)


def all_trials(run):
    return run.read(np.arange(len(run.events())))


def test_responses_without_a_time_axis(write):
    (run,) = runs_of(write())
    assert all_trials(run).shape == (6, 4, 1)
    np.testing.assert_allclose(all_trials(run)[:, :, 0], RESPONSES, rtol=1e-6)
    assert run.events().to_dict("list") == TRIALS | {"onset": [0, 1, 2, 3, 4, 5]}
    assert (run.session, run.file.name, run.tmin) == (1, "responses.npy", 0.0)
    header = run.header()
    assert (header.ch_names, header.ch_types) == (["ch-001", "ch-002", "ch-003", "ch-004"], ["misc"] * 4)
    assert header.sfreq is None


def test_only_the_trials_asked_for_are_read_in_that_order(write):
    (run,) = runs_of(write())
    np.testing.assert_allclose(run.read(np.array([4, 0, 4]))[:, :, 0], RESPONSES[[4, 0, 4]], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.int32, bool])
def test_responses_of_any_numbers(write, dtype):
    (run,) = runs_of(write((RESPONSES > 0).astype(dtype)))
    assert all_trials(run).dtype == np.float32
    assert np.array_equal(all_trials(run)[:, :, 0], RESPONSES > 0)


def test_responses_with_a_time_axis_and_sessions(write):
    responses = np.random.default_rng(1).standard_normal((6, 4, 5))
    first, second = runs_of(write(responses, session=[2, 2, 1, 1, 1, 1]))
    assert (first.session, second.session) == (1, 2)
    np.testing.assert_allclose(all_trials(first), responses[2:], rtol=1e-6)
    np.testing.assert_allclose(all_trials(second), responses[:2], rtol=1e-6)
    assert first.events()["onset"].tolist() == [0, 1, 2, 3]
    assert first.events()["image"].tolist() == TRIALS["image"][2:]
    assert second.events()["image"].tolist() == TRIALS["image"][:2]


def test_a_subject_column_selects_rows(write):
    (run,) = runs_of(write(subject=["sub-01", "x", "sub-01", "sub-01", "sub-01", "x"]))
    np.testing.assert_allclose(all_trials(run)[:, :, 0], RESPONSES[[0, 2, 3, 4]], rtol=1e-6)
    assert run.events()["image"].tolist() == ["train/1", "train/3.jpg", "test/1.png", "test/2"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"subject": ["a", "b", "a", "b", "a", "b"]}, r"column subject has no 'sub-01'; it has: a, b"),
        ({"split": None}, r"trials\.csv: columns are missing: split; it has: image"),
        ({"split": ["train"] * 5 + ["val"]}, r"split is 'val', allowed: train, test"),
        ({"session": ["a"] * 6}, r"trials\.csv: column session must hold whole numbers from 1 to 32767, has 'a'"),
        ({"session": [1, 1, 1.5, 1, 1, 1]}, r"column session must hold whole numbers from 1 to 32767, has '1.5'"),
    ],
)
def test_a_spoiled_table_is_named(write, columns, message):
    with pytest.raises(InputError, match=message):
        runs_of(write(**columns))


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
def test_spoiled_responses_are_named(write, responses, message):
    with pytest.raises(InputError, match=message):
        runs_of(write(responses))


def test_missing_files_are_named(write):
    root = write()
    (root / "sub-01" / "trials.csv").unlink()
    with pytest.raises(InputError, match=r"trials\.csv: no such file; layout arrays expects responses.npy and trials"):
        runs_of(root)
    for spoiled, message in (
        (b"", "not a csv table"),
        (b"split,image\nmy cat,train,a\n", "more fields than the header"),
    ):
        (root / "sub-01" / "trials.csv").write_bytes(spoiled)
        with pytest.raises(InputError, match=rf"trials\.csv: .*{message}"):
            runs_of(root)
    with pytest.raises(InputError, match=r"sub-07: no such subject; expected responses.npy and trials.csv; .*: sub-01"):
        runs_of(root, "sub-07")
    write()
    (root / "sub-01" / "responses.npy").unlink()
    with pytest.raises(InputError, match=r"responses\.npy: cannot be read"):
        runs_of(root)


def test_the_copies_of_a_mac_are_ignored_and_named(write):
    root = write()
    (root / "sub-01" / "._trials.csv").write_text("Mac OS X")
    (defect,) = LAYOUT.defects(study_params(layout="arrays", root=root), "sub-01")
    assert (defect.place.name, defect.action) == ("._trials.csv", "ignored")
    assert len(runs_of(root)) == 1
