"""Corrected p-values."""

import numpy as np
import pytest

from pipeline_lib.retrieval.holm import holm


def test_by_hand():
    # sorted 0.01, 0.02, 0.04: times 3, 2, 1 = 0.03, 0.04, 0.04
    np.testing.assert_allclose(holm([0.04, 0.01, 0.02]), [0.04, 0.03, 0.04])


def test_a_later_one_is_never_smaller_and_none_is_above_one():
    # 4 * 0.03 = 0.12; 3 * 0.035 = 0.105, raised to 0.12; 2 * 0.6 and 0.9 end at 1
    np.testing.assert_allclose(holm([0.03, 0.035, 0.6, 0.9]), [0.12, 0.12, 1, 1])


@pytest.mark.parametrize("p_values", [[], [0.3]])
def test_one_test_needs_no_correction(p_values):
    np.testing.assert_array_equal(holm(p_values), p_values)


def test_one_false_finding_is_rare_among_many_tests():
    rng = np.random.default_rng(0)
    assert np.mean([holm(rng.uniform(size=12)).min() <= 0.05 for _ in range(2000)]) == pytest.approx(0.05, abs=0.015)
