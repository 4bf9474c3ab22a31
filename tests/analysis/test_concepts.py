"""Concepts, confusions and categories, from similarities that are worked by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline_lib.analysis.concepts import (
    CATEGORY_COLUMNS,
    CONCEPT_COLUMNS,
    CONFUSION_COLUMNS,
    categories,
    concepts,
    confusions,
)
from pipeline_lib.analysis.found_items import first_items, found_items

CONCEPTS = ["apple", "plum", "bus", "bus"]  # of images a to d
SIMILARITY = np.array(
    [
        [0.9, 0.1, 0.2, 0.3],  # a, found
        [0.8, 0.7, 0.9, 0.1],  # b, third behind c and a
        [0.1, 0.2, 0.8, 0.9],  # c, second behind d, which is a bus as well
        [0.2, 0.2, 0.2, 0.2],  # d, a tie, so last
        [0.5, 0.1, 0.2, 0.3],  # a again
    ]
)
SHOWN = ["a", "b", "c", "d", "a"]
TABLE = "concept,kind,first letter\napple,fruit,a\nplum,fruit,\nbus,vehicle,b\n"


@pytest.fixture
def run():
    """An opened run, as far as the analyses look at it."""
    relevant = np.eye(4, dtype=bool)[["abcd".index(name) for name in SHOWN]]
    return SimpleNamespace(
        image_ids=list("abcd"),
        shown=SHOWN,
        responses=np.ones((5, 1, 1), dtype=np.float32),
        targets=SimpleNamespace(concepts=CONCEPTS, center_concepts=["bus", "plum", "apple"]),
        embed=lambda responses: np.ones((5, 2)),
        match=lambda queries, gallery: (SIMILARITY.copy(), relevant),
    )


@pytest.fixture
def context(tmp_path):
    """The context, as far as the analyses look at it."""
    path = tmp_path / "categories.csv"
    path.write_text(TABLE)
    return SimpleNamespace(params=SimpleNamespace(gallery="image", categories=path))


def test_the_first_item_by_hand_with_ties_against_the_model():
    similarity = np.array([[1.0, 1.0, 0.5], [0.5, 1.0, 1.0], [0.0, 0.0, 0.0]])
    assert first_items(similarity, np.eye(3, dtype=bool)).tolist() == [1, 2, 0]


def test_what_was_found(run):
    found = found_items(run, "image")
    assert found.rank.tolist() == [1, 3, 2, 4, 1]
    assert found.concepts.tolist() == ["apple", "plum", "bus", "bus", "apple"]
    assert found.found.tolist() == ["apple", "bus", "bus", "apple", "apple"]
    assert (found.chance["top1"], found.chance["top5"]) == (0.25, 1)


def test_items_of_class_centers_are_the_concepts(run):
    run.match = lambda queries, gallery: (SIMILARITY[:, :3], np.ones((5, 3), dtype=bool))
    assert found_items(run, "class-center").items.tolist() == ["apple", "plum", "bus"]


def test_concepts_by_hand(run, context):
    table = concepts(run, context)
    assert tuple(table.columns) == CONCEPT_COLUMNS
    expected = [
        ("apple", "fruit", 2, 1, 1, 1, 0.25, 1),
        ("plum", "fruit", 1, 0, 1, 3, 0.25, 1),
        ("bus", "vehicle", 2, 0, 1, 3, 0.25, 1),
    ]
    pd.testing.assert_frame_equal(table, pd.DataFrame(expected, columns=CONCEPT_COLUMNS), check_dtype=False)


def test_concepts_need_no_table(run, context):
    context.params.categories = None
    table = concepts(run, context)
    assert table["category"].tolist() == ["", "", ""]
    assert table["concept"].tolist() == ["apple", "plum", "bus"]


def test_confusions_by_hand(run, context):
    table = confusions(run, context)
    assert tuple(table.columns) == CONFUSION_COLUMNS
    assert table.to_numpy().tolist() == [
        ["apple", "apple", 2],
        ["plum", "bus", 1],
        ["bus", "bus", 1],
        ["bus", "apple", 1],
    ]
    assert table["count"].sum() == len(SHOWN)


def test_categories_by_hand(run, context):
    table = categories(run, context)
    assert tuple(table.columns) == CATEGORY_COLUMNS
    third = 1 / 3
    expected = [
        ("kind", "fruit", 3, 2 * third, 1, 2 * third, 0.25, 1, 0.5),
        ("kind", "vehicle", 2, 0, 1, 0.5, 0.25, 1, 0.5),
        ("first letter", "a", 2, 1, 1, 1, 0.25, 1, 0.25),
        ("first letter", "b", 2, 0, 1, 0.5, 0.25, 1, 0.5),
    ]
    pd.testing.assert_frame_equal(table, pd.DataFrame(expected, columns=CATEGORY_COLUMNS), check_dtype=False)


def test_without_a_table_there_are_no_categories(run, context):
    context.params.categories = None
    table = categories(run, context)
    assert not len(table)
    assert tuple(table.columns) == CATEGORY_COLUMNS


def test_the_mean_over_concepts_is_the_accuracy_of_the_run(analysed):
    for opened in analysed.runs():
        table = concepts(opened, analysed.context())
        similarity, _ = opened.match(opened.embed(opened.responses), "image")
        top1 = (similarity.argmax(axis=1) == np.arange(len(similarity))).mean()
        assert np.average(table["top1"], weights=table["queries"]) == pytest.approx(top1)
        counted = confusions(opened, analysed.context())
        assert counted["count"].sum() == len(similarity)
        right = counted.loc[counted["concept"] == counted["found"], "count"].sum()
        assert right >= top1 * len(similarity)
