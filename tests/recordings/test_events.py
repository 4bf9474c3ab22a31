"""What events and the choice of repeats promise."""

import numpy as np
import pandas as pd
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.stimulus_table import checked_table
from pipeline_lib.recordings.events import events_from_stim, resolve_events, select_repeats
from pipeline_lib.recordings.recording import UNTOLD


def test_by_hand():
    stim = np.array([0, 0, 7, 0, 3, 3, 3, 0, 3, 5, 0, 99999.0])
    assert events_from_stim(stim, where="x").tolist() == [[2, 7], [4, 3], [8, 3], [9, 5], [11, 99999]]


def test_a_code_in_the_first_sample_is_an_event():
    assert events_from_stim(np.array([4, 4, 0]), where="x").tolist() == [[0, 4]]


def test_a_silent_channel_has_no_events():
    assert events_from_stim(np.zeros(5), where="x").shape == (0, 2)


@pytest.mark.parametrize("value", [2.5, np.nan, np.inf])
def test_values_that_are_no_codes_are_named(value):
    with pytest.raises(InputError, match=rf"a\.npy: the trigger channel holds values that are no event codes: {value}"):
        events_from_stim(np.array([0, 1, value, 0]), where="a.npy")


def shown(*images_and_splits):
    """A reader's events, 100 samples apart."""
    images, splits = zip(*images_and_splits, strict=True)
    return pd.DataFrame({"onset": 100 * np.arange(len(images)), "image": images, "split": splits})


def test_codes_stand_for_images_of_their_own_split(table):
    resolved = resolve_events(shown((2, "train"), (2, "test"), (0, "target"), (1, "test")), table, where="x")
    assert resolved["image_id"].tolist() == ["train/2", "test/2", "", "test/1"]
    assert resolved["code"].tolist() == [2, 2, 0, 1]
    assert resolved["test"].tolist() == [False, True, False, True]
    assert resolved["dropped"].tolist() == ["", "", "target", ""]
    assert resolved["onset"].tolist() == [0, 100, 200, 300]


def test_names_stand_for_images_whatever_their_ending(table):
    resolved = resolve_events(shown(("train/2.png", "train"), ("n/a", "catch"), ("test/1", "test")), table, where="x")
    assert resolved["image_id"].tolist() == ["train/2", "", "test/1"]
    assert resolved["dropped"].tolist() == ["", "catch", ""]


@pytest.mark.parametrize("word", ["shown", "center", "zero-shot", "n/a"])
def test_any_other_word_is_no_trial_even_beside_an_image(table, word):
    resolved = resolve_events(shown(("train/2.png", word), ("test/1", "test")), table, where="x")
    assert resolved["image_id"].tolist() == ["", "test/1"]
    assert resolved["dropped"].tolist() == [word, ""]


def test_training_images_of_tested_concepts_are_dropped_as_zero_shot(table):
    by_name = resolve_events(shown(("center/1", "train"), ("train/1", "train")), table, where="x")
    assert by_name["dropped"].tolist() == ["zero-shot", ""]
    coded = table.frame.assign(event_code=[1, 2, 3, 21, 22, 40])
    by_code = resolve_events(shown((40, "train"), (1, "train")), checked_table(coded, where="x"), where="x")
    assert by_code["dropped"].tolist() == ["zero-shot", ""]


def test_cut_trials_that_do_not_tell_their_split_have_the_tables(table):
    coded = checked_table(table.frame.assign(event_code=[1, 2, 3, 21, 22, 40]), where="x")
    resolved = resolve_events(shown((21, UNTOLD), (3, UNTOLD), (40, UNTOLD), (999999, "catch")), coded, where="x")
    assert resolved["image_id"].tolist()[:2] == ["test/1", "train/3"]
    assert resolved["test"].tolist()[:2] == [True, False]
    assert resolved["dropped"].tolist() == ["", "", "zero-shot", "catch"]


@pytest.mark.parametrize("code", [3, -1, 12345])
def test_a_code_out_of_range_is_named_with_the_file(table, code):
    wanted = rf"a\.npy: event codes stand for no image .*: {code}; known codes of split test: 1\.\.2"
    with pytest.raises(InputError, match=wanted):
        resolve_events(shown((1, "test"), (code, "test")), table, where="a.npy")


def test_a_code_of_images_of_two_splits_is_named_where_the_file_tells_no_split(table):
    coded = checked_table(table.frame.assign(event_code=[1, 2, 3, 1, 2, 3]), where="x")
    for event in ((2, UNTOLD), (3, "train")):
        with pytest.raises(
            InputError, match=rf"a\.fif: event codes .* more than one split: {event[0]}; give each image"
        ):
            resolve_events(shown((1, "test"), event), coded, where="a.fif")
    assert resolve_events(shown((1, "train"), (1, "test")), coded, where="x")["image_id"].tolist() == [
        "train/1",
        "test/1",
    ]


def test_a_split_that_contradicts_the_table_is_named(table):
    with pytest.raises(InputError, match=r"a\.tsv: image 'test/1' is marked train but the stimulus table says test"):
        resolve_events(shown(("test/1", "train")), table, where="a.tsv")


def test_a_run_without_trials_is_resolved_too(table):
    assert resolve_events(shown((0, "target")), table, where="x")["dropped"].tolist() == ["target"]
    empty = pd.DataFrame({"onset": np.array([], int), "image": np.array([], int), "split": np.array([], str)})
    assert len(resolve_events(empty, table, where="x")) == 0


CODES = np.array([1, 2, 1, 3, 1, 2, 1, 1, 3, 1])


def chosen(codes, most, **changes):
    return select_repeats(codes, most, **({"seed": 5, "session": 1, "test": False} | changes))


def test_at_most_so_many_per_image_in_order_of_recording():
    kept = np.flatnonzero(chosen(CODES, 2))
    assert np.bincount(CODES[kept]).tolist() == [0, 2, 2, 2]
    assert set(kept) >= {1, 3, 5, 8}  # where there are no more than two, both stay


def test_none_keeps_all():
    assert chosen(CODES, None).all()


def test_the_draw_follows_seed_session_and_partition():
    codes = np.ones(1000, dtype=int)
    draws = [chosen(codes, 3), chosen(codes, 3, seed=6), chosen(codes, 3, session=2)]
    draws += [chosen(codes, 3, test=True), chosen(2 * codes, 3)]
    assert len({tuple(draw) for draw in draws}) == 5
    assert np.array_equal(chosen(codes, 3), draws[0])


def test_other_images_do_not_change_the_draw():
    alone, among = np.ones(20, dtype=int), np.tile([4, 1, 9], 20)
    assert np.array_equal(chosen(alone, 4), chosen(among, 4)[among == 1])


def test_every_repeat_is_drawn_equally_often():
    counts = np.zeros(5)
    for seed in range(1000):
        counts[chosen(np.ones(5, dtype=int), 2, seed=seed)] += 1
    assert np.abs(counts - 400).max() < 75  # five standard deviations


def test_no_events_no_repeats():
    assert len(chosen(np.array([], dtype=int), 2)) == 0
