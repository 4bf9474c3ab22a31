"""Joins go by image id and name what does not match."""

import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.joins import rows_of


def test_rows_follow_the_wanted_order_and_may_repeat():
    assert rows_of(["c", "a", "c"], ["a", "b", "c"], what="table").tolist() == [2, 0, 2]


def test_missing_ids_are_listed_once():
    with pytest.raises(InputError, match=r"captions.csv: 1 image ids are missing: x$"):
        rows_of(["x", "a", "x"], ["a"], what="captions.csv")


def test_doubled_ids_are_refused():
    with pytest.raises(InputError, match="more than once: a"):
        rows_of(["a"], ["a", "a"], what="table")
