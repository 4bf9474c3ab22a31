"""The table of all queries."""

import csv

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.retrieval.galleries import Names
from pipeline_lib.retrieval.metrics import rank_queries
from pipeline_lib.retrieval.queries import COLUMNS, read_queries, write_queries
from pipeline_lib.retrieval.summaries import FROM_BRAIN, Result, both_directions

AWKWARD = ["plain", 'a "quoted", one', "NA", "zwölf/ü\nline"]


def written(path, names=AWKWARD):
    """Two trials of each of four images; the second trial of each is taken for the next image."""
    shown = [*names, *names]
    relevant = np.tile(np.eye(4, dtype=bool), (2, 1))
    similarity = np.concatenate([np.eye(4), np.roll(np.eye(4), 1, axis=1) + 0.5 * np.eye(4)])
    run = Result(
        "intra", "01", 3, "image", FROM_BRAIN, similarity, relevant, Names(shown, [f"of {n}" for n in shown], names)
    )
    write_queries(both_directions(run), path)
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_row_says_what_was_shown_and_what_was_found(tmp_path):
    rows = written(tmp_path / "queries.csv")
    assert tuple(rows[0]) == COLUMNS
    assert [row["image_id"] for row in rows] == [*AWKWARD, *AWKWARD]
    assert [row["concept"] for row in rows[:4]] == [f"of {name}" for name in AWKWARD]
    assert [row["rank"] for row in rows] == ["1"] * 4 + ["2"] * 4
    assert [row["found"] for row in rows] == [*AWKWARD, *AWKWARD[1:], AWKWARD[0]]
    assert {(row["seed"], row["n_gallery"], row["subject"]) for row in rows} == {("3", "4", "01")}


def test_what_is_read_is_what_was_written(tmp_path):
    written(tmp_path / "queries.csv")
    table = read_queries(tmp_path / "queries.csv", where="here")
    assert table["image_id"].tolist() == [*AWKWARD, *AWKWARD]
    assert table["rank"].tolist() == [1] * 4 + [2] * 4
    assert table["seed"].tolist() == ["3"] * 8
    assert table["subject"].tolist() == ["01"] * 8


def test_a_tie_is_no_hit_and_the_other_item_was_found():
    ranking = rank_queries(np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.5, 1.0]]))
    assert ranking.best_rank.tolist() == [2, 2, 1]
    assert ranking.first.tolist() == [1, 2, 2]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "here: cannot be read as a table of queries"),
        ("a,b\n1,2\n", "here: columns are missing: protocol, gallery"),
        (f"{','.join(COLUMNS)}\n", "here: holds no queries"),
        (f"{','.join(COLUMNS)}\nintra,image,s,0,i,c,first,10,i\n", "column rank must hold whole numbers"),
        (f"{','.join(COLUMNS)}\nintra,image,s,0,i,c,11,10,i\n", "rank is 11, allowed: 1 to n_gallery"),
        (f"{','.join(COLUMNS)}\nintra,image,s,0,i,c,0,10,i\n", "rank is 0"),
    ],
)
def test_other_tables_are_refused(tmp_path, text, says):
    (tmp_path / "queries.csv").write_text(text)
    with pytest.raises(InputError) as refused:
        read_queries(tmp_path / "queries.csv", where="here")
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
