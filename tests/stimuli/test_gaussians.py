"""Sums of Gaussian filters: by hand, and against scipy's filters one after the other."""

import numpy as np
import pytest
from scipy import ndimage

from pipeline_lib.stimuli.gaussians import filtered, gaussian_weights


def dot(side=41):
    values = np.zeros((side, side), np.float32)
    values[side // 2, side // 2] = 1
    return values


def test_a_gaussian_is_cut_at_four_sigma_and_sums_to_one():
    blurred = filtered(dot(), ((2.0, 1.0),))
    assert blurred[20, 12] > 1e-5
    assert abs(blurred[20, 11]) < 1e-8
    assert blurred.sum() == pytest.approx(1, abs=1e-6)
    assert blurred[20, 22] / blurred[20, 20] == pytest.approx(np.exp(-0.5), rel=1e-5)


def test_a_filter_that_serves_two_scales_is_applied_once(vse_params):
    # Scales 1, 2, 4: σ 2 and 4 surround one scale (weight -λ) and are the center of the next.
    weights = gaussian_weights(vse_params(scales=[1, 2, 4], surround_weight=0.5))
    assert weights == pytest.approx({1.0: 1 / 3, 2.0: 0.5 / 3, 4.0: 0.5 / 3, 8.0: -0.5 / 3})


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 2), (31, 48), (224, 224)])
def test_mirrored_borders_whatever_the_size(shape):
    values = np.random.default_rng(0).random(shape).astype(np.float32)
    weights = ((1.0, 0.4), (2.5, -0.3), (8.0, 0.2))
    expected = sum(
        weight * ndimage.gaussian_filter(values.astype(float), sigma, mode="mirror", truncate=4.0)
        for sigma, weight in weights
    )
    found = filtered(values, weights)
    assert found.dtype == np.float32
    assert found.shape == shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_sizes_and_filters_do_not_get_mixed_up():
    first = filtered(dot(), ((2.0, 1.0),))
    assert filtered(dot(21), ((2.0, 1.0),)).shape == (21, 21)
    assert filtered(dot(), ((2.0, 0.5),)).max() == pytest.approx(first.max() / 2)
    assert (filtered(dot(), ((2.0, 1.0),)) == first).all()


def test_no_filter_gives_nothing():
    assert not filtered(dot(), ()).any()
