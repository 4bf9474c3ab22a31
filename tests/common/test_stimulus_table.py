"""The stimulus table keeps its rows and refuses contradictions."""

import pandas as pd
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.stimulus_table import checked_table, read_stimulus_table, write_stimulus_table


def frame(**changes):
    columns = {
        "image_id": ["a", "b", "c"],
        "file": ["a.jpg", "b.jpg", "c.jpg"],
        "concept": ['say "hi", dog', "line\nbreak", ""],
        "split": ["train", "test", "center"],
        "event_code": [1, 1, 0],
    }
    return pd.DataFrame({**columns, **changes})


def test_a_table_survives_the_file(tmp_path):
    table = checked_table(frame(), where="here")
    write_stimulus_table(table, tmp_path / "stimuli.csv")
    pd.testing.assert_frame_equal(read_stimulus_table(tmp_path / "stimuli.csv").frame, table.frame, check_dtype=False)


def test_splits_and_concepts_are_found_by_id(tmp_path):
    table = checked_table(frame(concept=["dog", "cat", "cat"]), where="here")
    assert table.ids("test") == ["b"]
    assert table.concepts(["c", "a"]) == ["cat", "dog"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_id": ["a", "a", "c"]}, "image ids stand there more than once: a"),
        ({"split": ["train", "train", "center"]}, "event codes stand for more than one image: b"),
        ({"split": ["train", "tets", "center"]}, "split is 'tets'.*did you mean 'test'"),
        ({"event_code": ["1", "x", "0"]}, "event_code must be whole numbers"),
    ],
)
def test_contradictions_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        checked_table(frame(**changes), where="stimuli.csv")


def test_missing_columns_and_files_are_named(tmp_path):
    path = tmp_path / "stimuli.csv"
    with pytest.raises(InputError, match="no such stimulus table"):
        read_stimulus_table(path)
    path.write_text("image_id,file\na,b\n")
    with pytest.raises(InputError, match="columns are missing: concept, split, event_code"):
        read_stimulus_table(path)
