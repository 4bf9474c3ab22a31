"""What intervals and p-values promise."""

import time

import numpy as np
import pytest

from pipeline_lib.retrieval.metrics import ranks
from pipeline_lib.retrieval.uncertainty import bootstrap_interval, permutation_p_value, reciprocal_ranks


def plain_reciprocal_ranks(similarity, relevant):
    """Every query looks for the matches of every other, one at a time."""
    n_queries = len(similarity)
    result = np.empty((n_queries, n_queries))
    for j in range(n_queries):
        result[:, j] = 1 / ranks(similarity, np.repeat(relevant[j : j + 1], n_queries, axis=0))
    return result


@pytest.mark.parametrize("levels", [3, 1000])
@pytest.mark.parametrize("several", [False, True])
def test_reciprocal_ranks_equal_a_ranking_for_each_pairing(levels, several):
    rng = np.random.default_rng(levels)
    similarity = rng.integers(levels, size=(8, 6)).astype(float)
    relevant = np.zeros((8, 6), dtype=bool)
    relevant[np.arange(8), rng.integers(6, size=8)] = True
    if several:
        relevant |= rng.random((8, 6)) < 0.3
    pairings = reciprocal_ranks(similarity, relevant)
    expected = plain_reciprocal_ranks(similarity, relevant)
    for order in (np.arange(8), rng.permutation(8), rng.integers(8, size=8)):
        assert pairings.of(order) == pytest.approx(expected[np.arange(8), order])


def test_queries_with_the_same_matches_share_a_column():
    """Single trials: thousands of queries, a few images."""
    relevant = np.zeros((300, 4), dtype=bool)
    relevant[np.arange(300), np.arange(300) % 4] = True
    pairings = reciprocal_ranks(np.random.default_rng(0).random((300, 4)), relevant)
    assert (pairings.ranks.shape, len(pairings)) == ((300, 4), 300)


def test_interval_equals_drawing_one_test_set_at_a_time():
    values = np.random.default_rng(0).random(13)
    rng = np.random.default_rng([7, 13])
    drawn = [values[rng.integers(13, size=13)].mean() for _ in range(200)]
    expected = np.quantile(drawn, [0.025, 0.975])
    assert bootstrap_interval([values], n_resamples=200, seed=7) == pytest.approx(expected)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    covered = 0
    for trial in range(300):
        low, high = bootstrap_interval([(rng.random(100) < 0.4).astype(float)], n_resamples=200, seed=trial)
        covered += low <= 0.4 <= high
    assert 0.90 <= covered / 300 <= 0.98


def test_runs_share_their_images():
    # a second run that is the mirror of the first cancels every draw, if the same images are drawn in both
    values = np.random.default_rng(2).random(30)
    low, high = bootstrap_interval([values, 1 - values], n_resamples=100, seed=0)
    assert (low, high) == pytest.approx((0.5, 0.5))


def test_runs_with_different_images_count_by_run():
    low, high = bootstrap_interval([np.zeros(5), np.ones(7), np.ones(7)], n_resamples=50, seed=0)
    assert (low, high) == pytest.approx((2 / 3, 2 / 3))


def test_median_of_each_run():
    values = np.array([1.0, 1.0, 1.0, 50.0])
    low, high = bootstrap_interval([values], n_resamples=500, seed=0, statistic=np.median)
    assert low == 1
    assert high <= 50


def test_the_same_seed_gives_the_same_figures():
    values = [np.random.default_rng(3).random(50)]
    first, again, other = (bootstrap_interval(values, n_resamples=100, seed=seed) for seed in (4, 4, 5))
    assert first == again != other


def test_many_images_are_drawn_in_parts():
    values = [np.arange(300_000) % 2.0]
    low, high = bootstrap_interval(values, n_resamples=20, seed=0)
    assert 0.49 < low < high < 0.51


def test_p_of_a_perfect_match_is_the_least_there_is():
    assert permutation_p_value([np.eye(50)], n_permutations=99, seed=0) == 1 / 100


def test_p_of_the_same_embedding_for_everything_is_one():
    assert permutation_p_value([np.zeros((20, 20))], n_permutations=99, seed=0) == 1


def test_p_equals_counting_random_pairings():
    similarity = np.random.default_rng(5).normal(size=(9, 9)) + 0.5 * np.eye(9)
    rng, observed, reached = np.random.default_rng([11, 9]), (1 / ranks(similarity)).mean(), 0
    for _ in range(60):
        order = rng.permutation(9)
        reached += (1 / ranks(similarity[:, order])).mean() >= observed - 1e-12
    assert permutation_p_value([similarity], n_permutations=60, seed=11) == pytest.approx((1 + reached) / 61)


def test_p_is_even_where_there_is_nothing():
    rng = np.random.default_rng(6)
    p = [permutation_p_value([rng.normal(size=(12, 12))], n_permutations=99, seed=s) for s in range(400)]
    for level in (0.05, 0.25, 0.5, 0.75):
        assert np.mean(np.array(p) <= level) == pytest.approx(level, abs=0.07)


def test_p_of_many_weak_runs_is_lower_than_of_each():
    rng = np.random.default_rng(7)
    runs = [rng.normal(size=(40, 40)) + 0.5 * np.eye(40) for _ in range(12)]
    together = permutation_p_value(runs, n_permutations=499, seed=0)
    alone = [permutation_p_value([run], n_permutations=499, seed=0) for run in runs]
    assert together < np.median(alone)


def test_p_does_not_depend_on_the_order_of_images():
    rng = np.random.default_rng(8)
    similarity, order = rng.normal(size=(10, 10)) + np.eye(10), rng.permutation(10)
    relevant = np.eye(10, dtype=bool)
    p = permutation_p_value([similarity[:, order]], [relevant[:, order]], n_permutations=99, seed=0)
    assert p == permutation_p_value([similarity], n_permutations=99, seed=0)


def test_200_images_and_1000_permutations_take_well_under_a_second():
    similarity = np.random.default_rng(9).normal(size=(200, 200))
    start = time.process_time()
    permutation_p_value([similarity], n_permutations=1000, seed=0)
    assert time.process_time() - start < 0.5
