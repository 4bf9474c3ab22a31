"""Agreement of dissimilarities, worked by hand and by its properties."""

import math
from itertools import permutations

import numpy as np
import pytest
from scipy.stats import spearmanr

from pipeline_lib.analysis.dissimilarity import cosine_distances, model_distances, noise_ceiling, rank_agreement

PAIRS = np.triu_indices(4, 1)
AROUND = np.array([[1.0, 0], [0, 2], [-3, 0], [0, -4]])  # a quarter of a turn from one to the next


def square(values, n_images=4):
    matrix = np.zeros((n_images, n_images))
    matrix[np.triu_indices(n_images, 1)] = values
    return matrix + matrix.T


def noisy(rng, true, deviation):
    n_images = len(true)
    return true + square(deviation * rng.normal(size=n_images * (n_images - 1) // 2), n_images)


def test_distances_of_four_items_by_hand():
    np.testing.assert_array_equal(cosine_distances(AROUND)[PAIRS], [1, 2, 1, 1, 2, 1])
    np.testing.assert_array_equal(model_distances(["a", "a", "b", "b"])[PAIRS], [0, 1, 1, 1, 1, 0])


def test_agreement_of_four_items_by_hand():
    # Ranks 2.5 5.5 2.5 2.5 5.5 2.5 and 1.5 4.5 4.5 4.5 4.5 1.5, around 3.5: 6 / (sqrt 12 sqrt 12).
    rho, _ = rank_agreement(cosine_distances(AROUND), model_distances(["a", "a", "b", "b"]))
    assert rho == pytest.approx(0.5)
    # Without ties 1 - 6 sum d² / (n (n² - 1)) with n = 6 pairs.
    assert rank_agreement(square([1, 2, 3, 4, 5, 6]), square([2, 1, 4, 3, 6, 5]))[0] == pytest.approx(1 - 36 / 210)


def test_p_of_four_items_is_the_share_of_the_24_orders():
    first, second = square([1, 2, 3, 4, 5, 6]), square([1, 2, 3, 4, 6, 5])
    rho, p = rank_agreement(first, second, permutations=5000)
    reached = [rank_agreement(first, second[np.ix_(order, order)], 0)[0] for order in permutations(range(4))]
    assert p == pytest.approx(np.mean(np.array(reached) >= rho - 1e-12), abs=0.02)


def test_agreement_is_spearmans_whatever_the_diagonal():
    rng = np.random.default_rng(0)
    first, second = (cosine_distances(rng.normal(size=(9, 5)).round(1)) for _ in range(2))
    pairs = np.triu_indices(9, 1)
    expected = spearmanr(first[pairs], second[pairs])[0]
    assert rank_agreement(first + np.eye(9), second)[0] == pytest.approx(expected)


def test_agreement_sees_order_alone():
    first = cosine_distances(np.random.default_rng(1).normal(size=(8, 3)))
    assert rank_agreement(first, np.exp(3 * first) + 1, 0)[0] == pytest.approx(1)
    assert rank_agreement(first, -first, 0)[0] == pytest.approx(-1)


def test_p_is_uniform_where_nothing_agrees_and_small_where_much_does():
    rng = np.random.default_rng(2)
    p = [rank_agreement(*(cosine_distances(rng.normal(size=(12, 4))) for _ in range(2)), 99)[1] for _ in range(300)]
    assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.09
    assert 0.4 <= np.mean(p) <= 0.6
    same = cosine_distances(rng.normal(size=(12, 4)))
    assert rank_agreement(same, same, 99)[1] == pytest.approx(1 / 100)
    assert rank_agreement(same, same, 99) == rank_agreement(same, same, 99)


@pytest.mark.parametrize("n_images", [1, 2])
def test_too_few_images_have_no_agreement(n_images):
    assert all(map(math.isnan, rank_agreement(np.eye(n_images), np.eye(n_images))))


def test_one_category_alone_has_no_agreement():
    assert all(map(math.isnan, rank_agreement(cosine_distances(AROUND), model_distances(list("aaaa")))))
    assert all(map(math.isnan, noise_ceiling(model_distances(list("aaaa")), model_distances(list("aaaa")))))


def test_the_ceiling_of_responses_without_noise_is_one():
    exact = cosine_distances(np.array([[1, 0], [1, 1], [0, 1], [3, 1]]))
    assert noise_ceiling(exact, exact) == pytest.approx((1, 1))


def test_the_ceiling_of_noise_is_low_and_its_bounds_are_in_order():
    rng = np.random.default_rng(3)
    for deviation in (0.1, 0.5, 1, 3, 30):
        true = square(rng.normal(size=40 * 39 // 2), 40)
        low, high = noise_ceiling(noisy(rng, true, deviation), noisy(rng, true, deviation))
        assert low <= high <= 1
    assert low < 0.1
    assert high < 0.45
    assert noise_ceiling(true, -true) == (pytest.approx(-1), 0)


@pytest.mark.parametrize("deviation", [0.3, 1.0, 2.0])
def test_the_upper_bound_is_what_the_true_matrix_reaches(deviation):
    rng = np.random.default_rng(4)
    true = square(rng.normal(size=80 * 79 // 2), 80)
    halves = [noisy(rng, true, deviation) for _ in range(2)]
    reached, _ = rank_agreement(true, sum(halves), 0)
    low, high = noise_ceiling(*halves)
    assert high == pytest.approx(reached, abs=0.03)
    assert low < reached
