"""Rankings, and the table of them."""

import numpy as np
import pandas as pd
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.decoding.parts import trial_frame
from pipeline_lib.decoding.ranking import COLUMNS, averaged, rank, write_ranking

IDS = ["cat", "dog, old", "owl"]


def trials(*shown, recording="a.fif", session=1):
    return trial_frame(recording, session, np.arange(len(shown)) / 2, list(shown)).assign(trials=1)


def ranked(similarity, items, top=3):
    queries = trials(*("" if item < 0 else IDS[item] for item in items))
    return rank(np.array(similarity, dtype=float), queries, np.array(items), IDS, top)


def test_best_first_and_the_rank_of_what_was_shown():
    found = ranked([[0.1, 0.3, 0.2], [0.9, 0.1, 0.5]], [2, 1])
    assert found.found.tolist() == [[1, 2, 0], [0, 2, 1]]
    assert found.queries["rank"].tolist() == [2, 3]
    assert found.similarity.tolist() == [[0.3, 0.2, 0.1], [0.9, 0.5, 0.1]]


def test_of_equals_the_image_that_was_shown_stands_last():
    found = ranked([[0.5, 0.5, 0.5]] * 2, [0, -1])
    assert found.found.tolist() == [[1, 2, 0], [0, 1, 2]]
    assert found.queries["rank"].tolist() == [3, 0]


def test_the_rank_does_not_depend_on_how_many_places_are_kept():
    assert ranked([[0.1, 0.3, 0.2]], [0], top=1).queries["rank"].tolist() == [3]
    assert ranked([[0.1, 0.3, 0.2]], [0], top=9).found.shape == (1, 3)


def test_the_summary():
    assert ranked([[0.1, 0.3, 0.2], [0.9, 0.1, 0.5]], [2, 0]).summary() == (
        "top-1 50.0% (chance 33.3%), top-5 100.0% (chance 100.0%), median rank 1.5 of 3"
    )
    assert (
        ranked([[0.1, 0.3, 0.2]] * 2, [1, -1]).summary().endswith("of 3; over the 1 of 2 whose image is in the gallery")
    )


def test_means_of_the_trials_of_an_image():
    epochs = np.arange(5, dtype=np.float32)[:, None, None] * np.ones((1, 2, 3), np.float32)
    frame = pd.concat([trials("owl", "cat", "owl"), trials("", "owl", recording="b.fif", session=2)], ignore_index=True)
    means, queries = averaged(epochs, frame)
    assert means[:, 0, 0].tolist() == [2.0, 1.0]
    assert means.dtype == np.float32
    assert queries["trials"].tolist() == [3, 1]
    assert queries["recording"].tolist() == ["", "a.fif"]
    assert queries["session"].tolist() == [0, 1]
    assert np.isnan(queries["onset"][0])
    assert queries["onset"][1] == 0.5


def test_nothing_to_average():
    with pytest.raises(InputError, match="--average image needs to know what was shown"):
        averaged(np.zeros((1, 1, 1), np.float32), trials(""))


def test_the_table(tmp_path):
    write_ranking(tmp_path / "deep" / "ranking.csv", ranked([[0.1, 0.3, 0.2], [0.9, 0.1, 0.5]], [2, -1], top=2))
    text = (tmp_path / "deep" / "ranking.csv").read_text()
    assert text == (
        ",".join(COLUMNS) + "\n"
        '1,a.fif,1,0,1,owl,2,1,"dog, old",0.3\n'
        "1,a.fif,1,0,1,owl,2,2,owl,0.2\n"
        "2,a.fif,1,0.5,1,,,1,cat,0.9\n"
        "2,a.fif,1,0.5,1,,,2,owl,0.5\n"
    )
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["ranking.csv"]
