"""p-values of paired differences."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import kstest

from pipeline_lib.retrieval.sign_flip import sign_flip_p_value


def p_of(differences, *, n_resamples=1000, seed=0):
    return sign_flip_p_value(np.asarray(differences, dtype=float), n_resamples=n_resamples, seed=seed)


def test_by_hand():
    # All signs of (1, 2, 3): sums ±6, ±4, ±2, ±0; two of eight reach 6, four reach 4.
    assert p_of([1, 2, 3]) == 2 / 8
    assert p_of([-1, 2, 3]) == 4 / 8
    assert p_of([1, 2, -3]) == 1


def test_what_does_not_differ_does_not_count():
    assert p_of([0, 1, 0, 2, 3, 0]) == p_of([1, 2, 3])
    assert p_of([0, 0]) == 1


def test_exact_is_the_plain_enumeration():
    differences = np.random.default_rng(0).normal(size=9)
    sums = [abs(np.dot(signs, differences)) for signs in product((1, -1), repeat=9)]
    assert p_of(differences) == np.mean(np.array(sums) >= abs(differences.sum()) - 1e-12)


def test_drawn_signs_come_near_the_exact_value():
    differences = np.random.default_rng(1).normal(0.4, size=12)
    drawn = p_of(differences, n_resamples=4000)
    assert drawn != (exact := p_of(differences, n_resamples=4096))
    assert drawn == pytest.approx(exact, abs=0.03)


@pytest.mark.parametrize("n_resamples", [200, 10_000])
def test_which_is_which_does_not_matter(n_resamples):
    differences = np.random.default_rng(2).normal(0.3, size=40)
    assert p_of(differences, n_resamples=n_resamples) == p_of(-differences, n_resamples=n_resamples)


@pytest.mark.parametrize("n_images", [10, 60])
def test_uniform_where_nothing_differs(n_images):
    rng = np.random.default_rng(3)
    found = []
    for number in range(400):
        hard = rng.normal(size=n_images)  # an image is hard for both, and their errors have heavy tails
        one, other = (hard + rng.standard_t(2, size=n_images) for _ in range(2))
        found.append(p_of(one - other, n_resamples=999, seed=number))
    assert kstest(found, "uniform").pvalue > 0.05


def test_never_too_often_where_differences_tie():
    rng = np.random.default_rng(4)
    found = [p_of(rng.integers(-1, 2, size=30), n_resamples=999, seed=number) for number in range(400)]
    for level in (0.01, 0.05, 0.2, 0.5):
        assert np.mean(np.array(found) <= level) <= level + 2.6 * np.sqrt(level * (1 - level) / 400)


def test_never_zero():
    assert p_of(np.full(60, 1.0)) == 1 / 1001
