"""What events and the choice of repeats promise."""

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.epochs import Window
from pipeline_lib.recordings.events import events_from_stim, images_of_codes, is_complete, select_repeats


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


def test_codes_stand_for_images_of_their_own_partition(table):
    assert images_of_codes(np.array([2, 1]), table.of_split("train"), where="x").tolist() == ["train/2", "train/1"]
    assert images_of_codes(np.array([2, 1]), table.of_split("test"), where="x").tolist() == ["test/2", "test/1"]


@pytest.mark.parametrize("code", [3, -1, 12345])
def test_a_code_out_of_range_is_named_with_the_file(table, code):
    with pytest.raises(InputError, match=rf"a\.npy: event codes stand for no image .*: {code}; known codes: 1\.\.2"):
        images_of_codes(np.array([1, code]), table.of_split("test"), where="a.npy")


def test_epochs_beyond_either_end_are_incomplete():
    onsets = np.array([1, 2, 50, 94, 95])
    assert is_complete(onsets, Window(-2, 5), n_samples=100).tolist() == [False, True, True, True, False]


CODES = np.array([1, 2, 1, 3, 1, 2, 1, 1, 3, 1])


def chosen(codes, most, **changes):
    return select_repeats(codes, most, **({"seed": 5, "session": 1, "partition": "train"} | changes))


def test_at_most_so_many_per_image_in_order_of_recording():
    kept = chosen(CODES, 2)
    assert np.array_equal(kept, np.sort(kept))
    assert np.bincount(CODES[kept]).tolist() == [0, 2, 2, 2]
    assert set(kept) >= {1, 3, 5, 8}  # where there are no more than two, both stay


def test_none_keeps_all():
    assert np.array_equal(chosen(CODES, None), np.arange(10))


def test_the_draw_follows_seed_session_and_partition():
    codes = np.ones(1000, dtype=int)
    draws = [chosen(codes, 3), chosen(codes, 3, seed=6), chosen(codes, 3, session=2)]
    draws += [chosen(codes, 3, partition="test"), chosen(2 * codes, 3)]
    assert len({tuple(draw) for draw in draws}) == 5
    assert np.array_equal(chosen(codes, 3), draws[0])


def test_other_images_do_not_change_the_draw():
    alone, among = np.ones(20, dtype=int), np.tile([4, 1, 9], 20)
    assert np.array_equal(np.flatnonzero(among == 1)[chosen(alone, 4)], chosen(among, 4)[among[chosen(among, 4)] == 1])


def test_every_repeat_is_drawn_equally_often():
    counts = np.zeros(5)
    for seed in range(1000):
        counts[chosen(np.ones(5, dtype=int), 2, seed=seed)] += 1
    assert np.abs(counts - 400).max() < 75  # five standard deviations


def test_no_events_no_repeats():
    assert len(chosen(np.array([], dtype=int), 2)) == 0
