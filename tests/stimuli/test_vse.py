"""Each step of the saliency extraction: against a second plain computation, by hand, and by its named properties."""

import numpy as np
import pytest

from pipeline_lib.stimuli.vse import (
    antagonism,
    color_map,
    contrast_map,
    edge_map,
    exogenous_map,
    extract_saliency,
    gray_of,
    logistic,
    luminance_map,
    normalize,
    rapid_saliency,
    saliency_steps,
)
from tests.stimuli.plain_vse import (
    plain_antagonism,
    plain_edges,
    plain_gray,
    plain_low_level,
    plain_normal,
    plain_saliency,
)

VARIANTS = [
    {},
    {"normalization": "minmax", "eta": 0.5},
    {"alpha": [-1 / 3, -1 / 3, -1 / 3]},
    {"alpha": [0.0, 1.0, 0.0], "eta": 0.0},
    {"scales": [1, 2], "surround_weight": 0.9},
    {"sobel_kernel": 3, "gamma": 0.5},
    {"sobel_kernel": 5, "center_sigma": 0.7, "surround_sigma": 3.1, "scales": [1.5]},
    {"gamma": 8.0},
]


def unit(rgb):
    return rgb * np.float32(1 / 255)


def gray_ramp(slope, height=12, width=20):
    return np.tile(np.float32(slope) * np.arange(width, dtype=np.float32), (height, 1))


def close(result, expected, tolerance=2e-5):
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, atol=tolerance)


# Against the plain computation


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
@pytest.mark.parametrize("shape", [(40, 56), (33, 17), (3, 9)], ids=str)
def test_every_map_equals_the_plain_computation(picture, vse_params, changes, shape):
    rgb, params = picture(*shape), vse_params(**changes)
    steps = saliency_steps(rgb, params)
    close(steps.edges, plain_edges(plain_gray(rgb), params.sobel_kernel))
    for result, expected in zip((steps.luminance, steps.contrast, steps.color), plain_low_level(rgb), strict=True):
        close(result, expected)
    close(steps.saliency, plain_saliency(rgb, params))
    close(steps.antagonism, plain_antagonism(plain_saliency(rgb, params), params), 2e-4)


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_both_images_equal_the_plain_computation_to_one_gray_level(picture, vse_params, changes):
    rgb, params = picture(), vse_params(**changes)
    weight = plain_antagonism(plain_saliency(rgb, params), params)
    result = extract_saliency(rgb, params)
    assert result.view.dtype == result.map.dtype == np.uint8
    assert np.abs(result.view - rgb * weight[..., None]).max() <= 0.55
    assert np.abs(result.map - 255 * weight).max() <= 0.55


# By hand


def test_gray_weighs_the_channels_as_bt601():
    rgb = np.eye(3, dtype=np.float32)[None]
    close(gray_of(rgb), [[0.299, 0.587, 0.114]], 1e-7)


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_edges_of_a_ramp_are_its_slope(kernel):
    margin = kernel // 2
    close(edge_map(gray_ramp(0.02), kernel)[:, margin:-margin], 0.02, 1e-6)
    close(edge_map(gray_ramp(0.02).T.copy(), kernel)[margin:-margin], 0.02, 1e-6)


def test_edges_of_a_ramp_vanish_at_a_mirrored_border():
    # Column -1 mirrors column 1 and so on: the difference to the left equals that to the right.
    close(edge_map(gray_ramp(0.02), 7)[:, 0], 0, 1e-7)


def test_edges_of_a_step_by_hand():
    # Sobel 7 derives with -1 -4 -5 0 5 4 1: the sums of its last 1, 2, 3, 4, 5, 6 weights; a ramp of slope 1 gives 32.
    step = np.zeros((9, 16), np.float32)
    step[:, 8:] = 1
    expected = np.zeros(16)
    expected[5:11] = np.array([1, 5, 10, 10, 5, 1]) / 32
    close(edge_map(step, 7), np.tile(expected, (9, 1)), 1e-6)


def test_low_level_maps_by_hand():
    gray = np.array([[0.0, 0.2], [0.4, 1.0]], np.float32)  # mean 0.4, variance (0.16 + 0.04 + 0 + 0.36) / 4 = 0.14
    close(luminance_map(gray), [[0.4, 0.2], [0.0, 0.6]], 1e-6)
    close(contrast_map(gray), np.abs(gray - 0.14**0.5), 1e-6)


def test_colour_counts_each_pair_of_channels_twice():
    rgb = np.array([[[0.1, 0.4, 0.9], [0.5, 0.5, 0.5]]], np.float32)
    close(color_map(rgb), [[2 * (0.3 + 0.5 + 0.8), 0.0]], 1e-6)


def test_normalisation_by_hand():
    values = np.array([[1, 3]], np.float32)
    close(normalize(values, "zscore"), [[-1, 1]], 1e-7)
    close(normalize(values, "minmax"), [[0, 1]], 1e-7)


def test_each_low_level_map_is_normalised_on_its_own():
    maps = tuple(np.array([[1, 3]], np.float32) * factor for factor in (1, 10, 100))
    close(exogenous_map(maps, (1.0, 0.5, -0.25), "zscore"), [[-1.25, 1.25]], 1e-6)


def test_the_gate_by_hand():
    # Edges normalise to 0 and 1, the other map is constant: σ(0) = 1/2 and σ(1) = e / (e + 1), against σ(0).
    edges, flat = np.array([[2, 6]], np.float32), np.ones((1, 2), np.float32)
    expected = [[0.25, np.e / (np.e + 1) - 0.5 + 0.25]]
    close(rapid_saliency(edges, flat, 0.25, "minmax"), expected, 1e-6)


def test_the_logistic_function_does_not_overflow():
    with np.errstate(all="raise"):
        close(logistic(np.array([-1e4, 0, 1e4], np.float32)), [0, 0.5, 1], 1e-7)


def test_a_single_bright_dot_gives_a_symmetric_map_with_its_peak_there(vse_params):
    rgb = np.zeros((41, 41, 3), np.uint8)
    rgb[20, 20] = 255
    result = saliency_steps(rgb, vse_params()).antagonism
    for turned in (result[::-1], result[:, ::-1], result.T):
        close(turned.copy(), result, 1e-5)
    assert np.hypot(*(np.argwhere(result > 0.99) - 20).T).max() < 5


# Named properties


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
@pytest.mark.parametrize("value", [0, 1, 77, 255])
def test_a_blank_picture_gives_zeros(vse_params, changes, value):
    with np.errstate(all="raise"):
        result = extract_saliency(np.full((30, 50, 3), value, np.uint8), vse_params(**changes))
    assert not result.map.any()
    assert not result.view.any()


@pytest.mark.parametrize("color", [(255, 0, 0), (10, 200, 30)])
def test_a_picture_of_one_colour_gives_zeros(vse_params, color):
    assert not extract_saliency(np.full((30, 50, 3), color, np.uint8), vse_params()).map.any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (4, 1), (1, 4), (2, 2), (5, 3)], ids=str)
def test_pictures_smaller_than_the_filters_work(picture, vse_params, shape):
    rgb, params = picture(*shape), vse_params()
    result = saliency_steps(rgb, params).antagonism
    assert np.isfinite(result).all()
    close(result, plain_antagonism(plain_saliency(rgb, params), params), 2e-4)


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_the_map_reaches_from_nought_to_one(picture, vse_params, changes):
    result = saliency_steps(picture(), vse_params(**changes)).antagonism
    assert result.min() == 0
    assert result.max() == 1


def test_the_view_never_exceeds_the_picture(picture, vse_params):
    rgb = picture()
    assert (extract_saliency(rgb, vse_params()).view <= rgb).all()


@pytest.mark.parametrize("mirror", [np.fliplr, np.flipud, np.rot90])
def test_a_mirrored_picture_gives_the_mirrored_map(picture, vse_params, mirror):
    rgb, params = picture(), vse_params()
    expected = mirror(saliency_steps(rgb, params).antagonism)
    close(saliency_steps(np.ascontiguousarray(mirror(rgb)), params).antagonism, expected, 1e-4)


def test_the_order_of_channels_does_not_matter_to_a_gray_picture(picture, vse_params):
    gray = np.repeat(picture()[..., :1], 3, axis=2)
    result = extract_saliency(gray, vse_params())
    assert (result.view[..., 0] == result.view[..., 2]).all()
    assert not saliency_steps(gray, vse_params()).color.any()


def test_the_order_of_channels_matters_to_a_coloured_picture(picture, vse_params):
    rgb, params = picture(), vse_params()
    swapped = np.ascontiguousarray(rgb[..., ::-1])
    assert (extract_saliency(rgb, params).map != extract_saliency(swapped, params).map).any()


@pytest.mark.parametrize("how", ["zscore", "minmax"])
def test_brightness_and_contrast_do_not_change_a_normalised_map(how):
    values = np.random.default_rng(1).random((20, 30)).astype(np.float32)
    close(normalize(3 * values + 0.5, how), normalize(values, how), 2e-5)
    close(normalize(values, how), plain_normal(values.astype(float), how))


@pytest.mark.parametrize("how", ["zscore", "minmax"])
def test_rounding_is_not_normalised_to_structure(how):
    almost = np.full((20, 30), 0.3, np.float32)
    almost[::2] = np.nextafter(np.float32(0.3), np.float32(1))
    assert not normalize(almost, how).any()


def test_the_least_step_of_a_large_picture_is_still_structure(vse_params):
    rgb = np.full((400, 400, 3), 128, np.uint8)
    rgb[200, 200, 2] += 1  # one step of blue, 0.114 / 255 of gray, in one of 160,000 pixels
    for how in ("zscore", "minmax"):
        assert np.argmax(saliency_steps(rgb, vse_params(normalization=how)).antagonism) // 400 in range(190, 211)


def test_equal_center_and_surround_cancel_to_zeros(picture, vse_params):
    params = vse_params(center_sigma=1.0, surround_sigma=1.0, surround_weight=1.0)
    assert not saliency_steps(picture(), params).antagonism.any()


def test_a_factor_on_the_saliency_does_not_change_the_antagonism(picture, vse_params):
    params, saliency = vse_params(), np.random.default_rng(2).random((30, 40)).astype(np.float32)
    close(antagonism(1e-3 * saliency, params), antagonism(saliency, params), 1e-4)


@pytest.mark.parametrize(
    "change",
    [{"normalization": "minmax"}, {"eta": 0.0}, {"alpha": [-1, 0, 0]}, {"scales": [1]}, {"gamma": 2.0}],
    ids=str,
)
def test_every_setting_is_read(picture, vse_params, change):
    rgb = picture()
    assert (extract_saliency(rgb, vse_params(**change)).map != extract_saliency(rgb, vse_params()).map).any()


def test_negative_weights_add_the_cues(picture, vse_params):
    rgb = picture()
    added, subtracted = (saliency_steps(rgb, vse_params(alpha=[sign / 3] * 3)) for sign in (-1, 1))
    close(added.exogenous, -subtracted.exogenous, 1e-6)
    close(added.edges, subtracted.edges, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_only_eight_bit_rgb_is_taken(vse_params, wrong):
    with pytest.raises(ValueError, match=r"rgb must be uint8 of shape \(height, width, 3\)"):
        extract_saliency(wrong, vse_params())


def test_the_picture_is_not_changed(picture, vse_params):
    rgb = picture()
    before = rgb.copy()
    extract_saliency(rgb, vse_params())
    assert (rgb == before).all()
