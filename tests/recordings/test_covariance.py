"""What covariances of many small matrices promise."""

import numpy as np
import pytest

from pipeline_lib.recordings.covariance import shrunk_covariances, shrunk_sum
from tests.recordings.plain_covariance import plain_shrunk


@pytest.mark.parametrize("n_samples", [3, 5, 40, 250])
def test_shrunk_covariances_equal_scikit_learns(n_samples):
    rng = np.random.default_rng(n_samples)
    x = rng.standard_normal((4, 5, 5)) @ rng.standard_normal((4, 5, n_samples)) * np.geomspace(1e-6, 1e3, 5)[:, None]
    for ours, matrix in zip(shrunk_covariances(x + 7e-5), x, strict=True):
        np.testing.assert_allclose(ours, plain_shrunk((matrix + 7e-5).T), rtol=1e-9)


def test_shrunk_covariance_by_hand():
    # Two opposite samples of two equal channels: S is all ones, μ = 1, ‖S‖² = 4; each |z|⁴ is 4, so β = (4 − 4) / 4 = 0
    # and nothing is shrunk. Deviations 1 and 2 scale it back.
    np.testing.assert_allclose(shrunk_covariances(np.array([[[-1.0, 1.0], [-2.0, 2.0]]])), [[[1, 2], [2, 4]]])
    # Four samples at the corners of a square: S = I = μ I, δ = 0.
    corners = np.array([[[1.0, 1, -1, -1], [1, -1, 1, -1]]])
    np.testing.assert_allclose(shrunk_covariances(corners), [np.eye(2)])


def test_a_constant_channel_has_no_variance():
    x = np.random.default_rng(0).standard_normal((1, 3, 50))
    x[0, 1] = 4
    covariance = shrunk_covariances(x)[0]
    assert np.all(covariance[1] == 0)
    assert np.all(covariance[:, 1] == 0)
    assert np.all(np.diag(covariance)[[0, 2]] > 0.5)


def test_a_constant_that_has_no_exact_float_has_no_variance_either():
    for dtype in (np.float32, np.float64):
        x = np.random.default_rng(0).standard_normal((2, 3, 250)).astype(dtype)
        x[:, 1] = 0.1
        assert np.all(shrunk_covariances(x)[:, 1] == 0)


def test_matrices_of_constants_have_no_covariance():
    assert np.all(shrunk_covariances(np.ones((2, 3, 4))) == 0)
    assert np.all(shrunk_sum(np.ones((2, 3, 4)), np.ones(2)) == 0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("n_samples", [2, 250])
def test_the_weighted_sum_is_that_of_the_covariances(dtype, n_samples):
    rng = np.random.default_rng(1)
    x = (rng.standard_normal((6, 6)) @ rng.standard_normal((9, 6, n_samples))).astype(dtype)
    weights = rng.random(9)
    expected = np.tensordot(weights, shrunk_covariances(x), axes=1)
    np.testing.assert_allclose(shrunk_sum(x, weights), expected, rtol=1e-5, atol=1e-6)


def test_float32_is_as_good_as_its_rounding():
    """Relative to the deviations, a single covariance to 1e-6, the mean over trials to 1e-7."""
    rng = np.random.default_rng(2)
    x = (rng.standard_normal((63, 63)) @ rng.standard_normal((64, 63, 250)) * 1e-6).astype(np.float32)
    expected = np.array([plain_shrunk(matrix.T) for matrix in x.astype(np.float64)])
    scale = np.sqrt(np.einsum("bii,bjj->bij", expected, expected))
    np.testing.assert_allclose(shrunk_covariances(x) / scale, expected / scale, atol=1e-6)
    mean, scale = expected.mean(axis=0), scale.mean(axis=0)
    np.testing.assert_allclose(shrunk_sum(x, np.full(64, 1 / 64)) / scale, mean / scale, atol=1e-7)


def test_offsets_far_above_the_signal_do_no_harm_in_float32():
    x = np.random.default_rng(3).standard_normal((3, 5, 250)).astype(np.float32) * 8 + np.float32(1e4)
    expected = shrunk_covariances(x.astype(np.float64))  # of the same, coarsely rounded numbers
    np.testing.assert_allclose(shrunk_covariances(x), expected, atol=1e-4)


@pytest.mark.parametrize("scale", [1e-15, 1e-13, 1.0, 1e15])
def test_units_do_not_matter_in_float32(scale):
    x = np.random.default_rng(4).standard_normal((2, 5, 50)).astype(np.float32)
    scaled = shrunk_covariances(x * np.float32(scale)) / scale**2
    np.testing.assert_allclose(scaled, shrunk_covariances(x), atol=1e-6)


def test_channels_of_very_different_scale_stand_side_by_side():
    # Magnetometers in tesla beside electrodes in volts.
    x = np.random.default_rng(5).standard_normal((4, 3, 200)).astype(np.float32)
    units = np.array([1e-15, 1e-6, 1.0], dtype=np.float32)
    expected = shrunk_sum(x, np.ones(4)) * units * units[:, None]
    np.testing.assert_allclose(shrunk_sum(x * units[:, None], np.ones(4)), expected, rtol=1e-3)
