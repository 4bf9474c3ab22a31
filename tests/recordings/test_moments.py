"""What running means and variances promise."""

import numpy as np
import pytest

from pipeline_lib.recordings.moments import Moments, of_channels


def moments_of(batches):
    moments = Moments()
    for batch in batches:
        moments.add(batch)
    return moments


@pytest.mark.parametrize("cuts", [[], [1], [3, 4, 17], [10, 10]])
def test_batches_give_what_all_rows_at_once_give(cuts):
    rows = np.random.default_rng(0).standard_normal((20, 2, 3)) + 5
    moments = moments_of(np.split(rows, cuts))
    assert moments.count == 20
    np.testing.assert_allclose(moments.mean, rows.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(moments.variance, rows.var(axis=0), rtol=1e-13)
    np.testing.assert_allclose(moments.sample_variance, rows.var(axis=0, ddof=1), rtol=1e-13)


def test_an_offset_takes_nothing_from_the_variance():
    moments = moments_of(np.array([[1e9], [1e9 + 1], [1e9 + 2]]).reshape(3, 1, 1))
    assert moments.variance.item() == pytest.approx(2 / 3, rel=1e-15)


def test_what_never_changes_has_no_variance_at_all():
    moments = moments_of([np.full((7, 2), 0.1), np.full((5, 2), 0.1)])
    assert np.all(moments.variance == 0)
    assert np.all(moments.mean == 0.1)


def test_one_row_has_no_unbiased_variance():
    moments = moments_of([np.array([[3.0]])])
    assert moments.variance == 0
    assert np.isnan(moments.sample_variance)


def test_rows_of_narrow_numbers_are_added_up_in_float64():
    rows = np.full((5000, 1), 60000, dtype=np.float16)
    rows[::2] = 59968
    moments = moments_of([rows])
    assert moments.mean.item() == 59984
    assert moments.variance.item() == 256


def test_channels_vary_over_trials_and_over_samples():
    epochs = np.random.default_rng(1).standard_normal((30, 3, 8)) + np.arange(8)
    epochs[:, 2] = 0.1
    mean, deviation = of_channels(moments_of(np.split(epochs, [7, 20])))
    np.testing.assert_allclose(mean, epochs.mean(axis=(0, 2)), rtol=1e-13)
    np.testing.assert_allclose(deviation[:2], epochs.std(axis=(0, 2))[:2], rtol=1e-13)
    assert deviation[2] == 0
