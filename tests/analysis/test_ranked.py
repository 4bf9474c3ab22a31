"""What a query found: hand-made similarities, ties, and a gallery of fewer than five."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline_lib.analysis.ranked import COLUMNS, best_items, ranked
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.retrieval.metrics import rank_queries

IDS = [f"test/{name}" for name in "abcdefg"]
CONTEXT = SimpleNamespace(
    stimuli=StimulusTable(pd.DataFrame({"image_id": IDS, "concept": [name.upper() for name in "abcdefg"]}))
)


def run_of(similarity, shown, image_ids=IDS):
    """A run whose embeddings are rows of `similarity`."""
    relevant = np.array([[name == one for one in image_ids] for name in shown])
    return SimpleNamespace(
        responses=np.asarray(similarity, dtype=float),
        shown=shown,
        image_ids=image_ids,
        store=SimpleNamespace(path=Path("sub-01.zarr.zip")),
        embed=lambda responses: responses,
        match=lambda queries, gallery: {"image": (queries, relevant)}[gallery],
    )


def test_the_five_best_in_order():
    table = ranked(run_of([[0.1, 0.9, 0.3, 0.2, 0.8, 0.0, 0.7]], ["test/c"]), CONTEXT)
    (row,) = table.to_dict("records")
    assert list(table) == COLUMNS
    assert (row["image_id"], row["concept"], row["rank"], row["similarity"]) == ("test/c", "C", 4, 0.3)
    assert [row[f"found_{place}"] for place in range(1, 6)] == ["test/b", "test/e", "test/g", "test/c", "test/d"]
    assert [row[f"similarity_{place}"] for place in range(1, 6)] == [0.9, 0.8, 0.7, 0.3, 0.2]


def test_the_image_that_was_shown_stands_last_of_those_as_similar():
    (row,) = ranked(run_of([[0.5] * 7], ["test/a"]), CONTEXT).to_dict("records")
    assert row["rank"] == 7
    assert "test/a" not in [row[f"found_{place}"] for place in range(1, 6)]


def test_single_trials_are_a_row_each():
    table = ranked(run_of(np.eye(7)[[2, 2, 0]], ["test/c", "test/c", "test/b"]), CONTEXT)
    assert table["image_id"].tolist() == ["test/c", "test/c", "test/b"]
    assert table["rank"].tolist() == [1, 1, 7]


def test_places_beyond_a_small_gallery_are_empty():
    (row,) = ranked(run_of([[0.2, 0.4]], ["test/a"], IDS[:2]), CONTEXT).to_dict("records")
    assert (row["found_1"], row["found_2"]) == ("test/b", "test/a")
    assert all(row[f"{kind}_{place}"] != row[f"{kind}_{place}"] for kind in ("found", "similarity") for place in (3, 5))


@pytest.mark.parametrize("decimals", [1, 9])
def test_the_rank_is_the_place_among_the_found(decimals):
    similarity = np.random.default_rng(0).normal(size=(7, 7)).round(decimals)
    relevant = np.eye(7, dtype=bool)
    order, rank = best_items(similarity, relevant, 7), rank_queries(similarity).best_rank
    assert [list(items).index(query) + 1 for query, items in enumerate(order)] == rank.tolist()
