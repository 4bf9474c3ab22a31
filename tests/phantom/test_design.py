"""What the order and the times of presentation promise."""

import numpy as np
import pytest

from pipeline_lib.phantom.design import (
    LEAD,
    PAUSE,
    SEQUENCE_LENGTH,
    SOA,
    TARGET_CODE,
    event_codes,
    event_onsets,
    recording_length,
)


def codes_of(n_pictures=50, repeats=3, target_share=0.1, seed=0):
    return event_codes(np.random.default_rng(seed), n_pictures, repeats, target_share)


def test_every_picture_comes_as_often_as_planned_and_a_few_once_more():
    codes = codes_of(n_pictures=100, repeats=3)
    counts = np.bincount(codes[codes != TARGET_CODE])[1:]
    assert len(counts) == 100
    assert sorted(counts) == [3] * 98 + [4] * 2


def test_each_round_shows_every_picture_before_any_comes_again():
    codes = codes_of(n_pictures=30, repeats=4, target_share=0)
    for first in range(0, 90, 30):
        assert sorted(codes[first : first + 30]) == list(range(1, 31))
    assert not np.array_equal(codes[:30], codes[30:60])


@pytest.mark.parametrize("share", [0.0, 0.06, 0.4])
def test_targets_have_their_share_of_all_events(share):
    codes = codes_of(n_pictures=200, repeats=5, target_share=share)
    assert (codes == TARGET_CODE).mean() == pytest.approx(share, abs=0.001)


def test_one_picture_once_is_a_design():
    assert codes_of(n_pictures=1, repeats=1, target_share=0).tolist() == [1, 1]


def test_pictures_follow_each_other_at_200_ms_with_a_pause_after_each_sequence():
    onsets = event_onsets(2 * SEQUENCE_LENGTH + 1)
    gaps = np.diff(onsets)
    assert onsets[0] == LEAD
    assert np.flatnonzero(gaps != SOA).tolist() == [SEQUENCE_LENGTH - 1, 2 * SEQUENCE_LENGTH - 1]
    assert set(gaps) == {SOA, SOA + PAUSE} == {200, 700}


def test_the_last_epoch_fits():
    onsets = event_onsets(3)
    assert onsets[0] >= 200
    assert onsets[-1] + 1000 < recording_length(onsets)
