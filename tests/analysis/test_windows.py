"""Which windows an epoch has, by hand."""

from itertools import pairwise

import pytest

from pipeline_lib.analysis.windows import windows_of


def by_kind(n_times, onset, step):
    found = {"full": [], "growing": [], "shrinking": [], "sliding": []}
    for window in windows_of(n_times, onset, step):
        found[window.kind].append((window.first, window.stop))
    return found


def test_an_epoch_from_onset_in_three_steps():
    assert by_kind(30, 0, 10) == {
        "full": [(0, 30)],
        "growing": [(0, 10), (0, 20), (0, 30)],
        "shrinking": [(0, 30), (10, 30), (20, 30)],
        "sliding": [(0, 10), (10, 20), (20, 30)],
    }


def test_steps_are_counted_from_onset_and_slide_over_the_baseline():
    assert by_kind(45, 25, 10) == {
        "full": [(0, 45)],
        "growing": [(25, 35), (25, 45)],
        "shrinking": [(25, 45), (35, 45)],
        "sliding": [(5, 15), (15, 25), (25, 35), (35, 45)],
    }


def test_an_epoch_that_starts_after_onset_is_taken_from_its_start():
    assert by_kind(30, -7, 10) == by_kind(30, 0, 10)


@pytest.mark.parametrize(("n_times", "edges"), [(34, [0, 10, 20, 34]), (35, [0, 10, 20, 30, 35])])
def test_less_than_half_a_step_at_the_end_belongs_to_the_last_one(n_times, edges):
    found = by_kind(n_times, 0, 10)
    assert found["sliding"] == list(pairwise(edges))
    assert found["growing"] == [(0, stop) for stop in edges[1:]]
    assert found["shrinking"] == [(first, n_times) for first in edges[:-1]]


@pytest.mark.parametrize(("n_times", "onset", "step"), [(2, 0, 100), (50, 0, 1), (7, 6, 3), (5, 100, 2), (60, 59, 100)])
def test_every_window_lies_in_the_epoch_and_there_is_one_of_each_kind(n_times, onset, step):
    found = by_kind(n_times, onset, step)
    assert all(found.values())
    for windows in found.values():
        assert all(0 <= first < stop <= n_times for first, stop in windows)
        assert len(set(windows)) == len(windows)
    assert found["growing"][-1][1] == n_times
    assert found["growing"][-1] == found["shrinking"][0]
    assert found["sliding"][-1][1] == n_times
