"""What cutting one file's trials into sessions promises."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.cut_runs import runs_by_session, session_numbers
from pipeline_lib.recordings.recording import Header

TRIALS = np.arange(24.0).reshape(6, 2, 2)


def test_each_session_numbers_its_own_trials():
    events = pd.DataFrame({"image": list("abcdef"), "split": ["train", "test"] * 3}, index=[9, 9, 3, 3, 1, 1])
    header = Header(["x", "y"], ["eeg", "eeg"], 10.0)
    one, two = runs_by_session(
        np.array([2, 1, 2, 1, 1, 2]), events, TRIALS.__getitem__, header=lambda: header, file=Path("f"), tmin=-0.1
    )
    assert (one.session, two.session) == (1, 2)
    assert one.events().to_numpy().tolist() == [[0, "b", "test"], [1, "d", "test"], [2, "e", "train"]]
    assert two.events()["image"].tolist() == ["a", "c", "f"]
    assert np.array_equal(one.read(np.array([2, 0])), TRIALS[[4, 1]])
    assert np.array_equal(two.read(np.array([1])), TRIALS[[2]])
    assert (one.header(), one.file, one.tmin) == (header, Path("f"), -0.1)


def test_changing_a_table_changes_no_other():
    events = pd.DataFrame({"image": ["a"], "split": ["train"]})
    (run,) = runs_by_session(np.ones(1), events, TRIALS.__getitem__, header=lambda: None, file=Path("f"), tmin=0.0)
    table = run.events()
    table["image"] = "b"
    assert run.events()["image"].tolist() == ["a"]


@pytest.mark.parametrize("values", [["1", "3"], [1, 3], np.array([1.0, 3.0]), pd.Series(["1", "3"], index=[4, 4])])
def test_sessions_are_numbers_however_written(values):
    assert session_numbers(values, where="x").tolist() == [1, 3]


@pytest.mark.parametrize("value", ["a", "", "1.5", "0", "-1", "nan", "1e99", "20261120"])
def test_what_is_no_session_is_named(value):
    with pytest.raises(InputError, match=rf"t\.csv: column session .* whole numbers from 1 to 32767, has '{value}'"):
        session_numbers(["1", value], where="t.csv")
