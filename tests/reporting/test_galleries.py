"""Galleries of matches: which queries are shown, what stands below pictures, and which picture is framed."""

import numpy as np
import pandas as pd
import pytest

from pipeline_lib.reporting.galleries import RIGHT, chosen_matches, draw
from tests.reporting.made_tables import ranked

IDS = [f"test/{name}" for name in "abcdef"]
TABLE = ranked(IDS, [name.upper() for name in "abcdef"], protocols=("intra",))


def picture(image_id):
    return np.full((8, 8, 3), 10 * ord(image_id[-1]) % 255, dtype=np.uint8)


def framed(figure):
    from matplotlib.colors import same_color

    return [number for number, axes in enumerate(figure.axes) if same_color(axes.spines["top"].get_edgecolor(), RIGHT)]


def test_the_best_have_the_lowest_rank_and_the_worst_the_highest():
    assert chosen_matches(TABLE, 2, best=True)["rank"].tolist() == [1, 2]
    assert chosen_matches(TABLE, 2, best=False)["rank"].tolist() == [6, 5]


def test_among_equal_ranks_the_similarity_decides():
    table = TABLE.assign(rank=3, similarity=[0.1, 0.6, 0.3, 0.2, 0.5, 0.4])
    assert chosen_matches(table, 2, best=True)["image_id"].tolist() == ["test/b", "test/e"]
    assert chosen_matches(table, 2, best=False)["image_id"].tolist() == ["test/a", "test/d"]


def test_a_picture_is_shown_once_whoever_saw_it():
    both = pd.concat([TABLE, TABLE.assign(subject="sub-02", similarity=0.99)])
    best = chosen_matches(both, 3, best=True)
    assert best["image_id"].tolist() == ["test/a", "test/b", "test/c"]
    assert set(best["subject"]) == {"sub-02"}


@pytest.mark.parametrize("count", [0, 3, 60])
def test_no_more_than_there_are(count):
    assert len(chosen_matches(TABLE, count, best=True)) == min(count, 6)


def test_the_right_picture_is_framed():
    figure = draw(TABLE.iloc[[2, 5]], picture, {}, title="Best")
    assert framed(figure) == [3]  # rank 3 is the third after the one seen; rank 6 is not among five
    assert figure.axes[0].get_ylabel() == "sub-01, seed 0\nrank 3"
    assert figure.axes[6].get_ylabel() == "sub-01, seed 0\nrank 6"


def test_below_a_picture_stand_similarity_and_caption():
    figure = draw(TABLE.head(1), picture, {"test/a": "a cat", "test/b": "cost $5 or $6"}, title="Best")
    assert figure.axes[0].get_xlabel() == "a cat"
    assert figure.axes[1].get_xlabel() == "0.900\na cat"
    assert figure.axes[2].get_xlabel() == "0.800\ncost \\$5 or \\$6"
    assert figure.axes[3].get_xlabel() == "0.700\n"
    figure.draw_without_rendering()


def test_without_a_caption_the_concept_names_what_was_seen():
    assert draw(TABLE.head(1), picture, {}, title="Best").axes[0].get_xlabel() == "A"


def test_the_pictures_are_those_of_the_table():
    figure = draw(TABLE.head(1), picture, {}, title="Best")
    shown = [axes.get_images()[0].get_array()[0, 0, 0] for axes in figure.axes]
    assert shown == [picture(name)[0, 0, 0] for name in ["test/a", *IDS[:5]]]


def test_a_picture_that_cannot_be_read_is_said_to_be_missing():
    figure = draw(TABLE.head(1), lambda _: None, {}, title="Best")
    assert {text.get_text() for axes in figure.axes for text in axes.texts} == {"no picture"}


def test_places_beyond_a_small_gallery_stay_empty():
    table = TABLE.head(1).assign(found_4="", found_5=np.nan)
    figure = draw(table, picture, {}, title="Best")
    assert [axes.axison for axes in figure.axes] == [True] * 4 + [False] * 2


def test_any_text_can_be_a_caption():
    texts = ["<script>alert(1)</script>", "two\nlines\r\0", "$\\frac$ 🦊 狐", "x" * 5000]
    with pytest.warns(UserWarning, match="Glyph"):
        draw(TABLE.head(4), picture, dict(zip(IDS, texts, strict=False)), title="$").draw_without_rendering()
