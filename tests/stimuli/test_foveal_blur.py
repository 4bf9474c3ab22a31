"""Foveal blur: sharpest in the middle, as the formula says."""

import numpy as np
import pytest
from scipy.ndimage import correlate1d

from pipeline_lib.stimuli.foveal_blur import foveal_blur, foveal_mask, sigma_of
from pipeline_lib.stimuli.params import BlurParams

KERNELS = {"low": 45, "medium": 51, "high": 57}


def blur(rgb, kernel=45, peak=0.5, falloff=3.0):
    return foveal_blur(rgb, kernel, BlurParams(kernels=KERNELS, peak=peak, falloff=falloff))


def plain_blur(rgb, kernel, peak, falloff):
    """The formula, pixel by pixel, in float64."""
    sigma = 0.3 * ((kernel - 1) * 0.5 - 1) + 0.8
    weights = np.exp(-((np.arange(kernel) - kernel // 2) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    image = rgb.astype(float)
    blurred = correlate1d(correlate1d(image, weights, axis=0, mode="mirror"), weights, axis=1, mode="mirror")
    height, width = rgb.shape[:2]
    for row in range(height):
        for column in range(width):
            r = np.sqrt((row - (height - 1) / 2) ** 2 + (column - (width - 1) / 2) ** 2)
            r_max = np.sqrt(((height - 1) / 2) ** 2 + ((width - 1) / 2) ** 2)
            m = peak * np.exp(-falloff * min(1, r / r_max))
            image[row, column] = m * image[row, column] + (1 - m) * blurred[row, column]
    return image


def test_a_bright_pixel_by_hand():
    # σ = 0.8 gives weights 0.23899, 0.52201, 0.23899; beyond the border lies the bright pixel again.
    rgb = np.zeros((3, 3, 3), dtype=np.uint8)
    rgb[1, 1] = 255
    middle, side, corner = 162, 60, 57  # 0.5 (255 + 69.49); 0.94007 · 63.63; 0.97511 · 58.26
    expected = [[corner, side, corner], [side, middle, side], [corner, side, corner]]
    assert np.array_equal(blur(rgb, kernel=3), np.repeat(np.array(expected)[..., None], 3, axis=2))


@pytest.mark.parametrize(("height", "width", "kernel"), [(33, 46, 9), (32, 32, 45), (5, 60, 57)])
def test_it_is_the_formula(picture, height, width, kernel):
    rgb = picture(height, width)
    expected = plain_blur(rgb, kernel, 0.6, 2.5)
    assert np.abs(blur(rgb, kernel, 0.6, 2.5) - expected).max() <= 0.51


@pytest.mark.parametrize(("kernel", "sigma"), [(45, 7.1), (51, 8.0), (57, 8.9), (3, 0.8)])
def test_sigma_follows_from_the_kernel(kernel, sigma):
    assert sigma_of(kernel) == pytest.approx(sigma)


def test_the_middle_is_sharper_than_the_border(picture):
    rgb = picture(224, 224)
    lost = np.abs(blur(rgb).astype(float) - rgb).mean(axis=2)
    border = np.concatenate([lost[:20].ravel(), lost[-20:].ravel(), lost[:, :20].ravel(), lost[:, -20:].ravel()])
    assert lost[102:122, 102:122].mean() < 0.7 * border.mean()


def test_a_larger_kernel_takes_more(picture):
    rgb = picture(224, 224)
    contrast = [blur(rgb, kernel).astype(float).std() for kernel in (1, *KERNELS.values())]
    assert contrast == sorted(contrast, reverse=True)
    assert min(-np.diff(contrast)) > 0.05


def test_the_mask_falls_from_the_peak_to_the_corners():
    mask = foveal_mask(7, 9, 0.5, 3.0)
    assert mask.max() == mask[3, 4] == 0.5
    corners = mask[[0, 0, -1, -1], [0, -1, 0, -1]]
    np.testing.assert_allclose(corners, 0.5 * np.exp(-3), rtol=1e-6)
    assert mask.min() == pytest.approx(corners.min())


def test_no_falloff_and_full_peak_leave_the_picture_as_it_is(picture):
    rgb = picture()
    assert np.array_equal(blur(rgb, peak=1, falloff=0), rgb)


def test_peak_zero_blurs_the_whole_picture_alike(picture):
    rgb = picture()
    assert np.abs(blur(rgb, 15, peak=0) - plain_blur(rgb, 15, 0, 0)).max() <= 0.51


def test_a_mirrored_picture_gives_a_mirrored_view(picture):
    rgb = picture(30, 41)
    assert np.abs(blur(rgb[:, ::-1]).astype(int) - blur(rgb)[:, ::-1]).max() <= 1
