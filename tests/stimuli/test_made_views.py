"""The views that are made on the fly: all of them keep size and type, and depend on their arguments alone."""

import numpy as np
import pytest

from pipeline_lib.stimuli.made_views import MADE_VIEWS, made_view

NAMES = ("blur-low", "blur-medium", "blur-high", "lowres", "mosaic", "noise")
SIZES = ((1, 1), (1, 30), (7, 3), (33, 45), (224, 224))


def test_their_names():
    assert tuple(MADE_VIEWS) == NAMES


@pytest.mark.parametrize("view", NAMES)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_size_and_type_are_kept_and_the_picture_untouched(view_params, picture, view, height, width):
    rgb = picture(height, width)
    rgb.setflags(write=False)
    before = rgb.copy()
    result = made_view(view, rgb, "a", view_params())
    assert (result.shape, result.dtype) == (rgb.shape, np.uint8)
    assert np.array_equal(rgb, before)


@pytest.mark.parametrize("view", [name for name in NAMES if name != "noise"])
@pytest.mark.parametrize("level", [0, 77, 255])
def test_a_picture_of_one_colour_stays_as_it_is(view_params, view, level):
    rgb = np.full((33, 33, 3), level, dtype=np.uint8)
    assert np.array_equal(made_view(view, rgb, "a", view_params()), rgb)


def test_every_view_is_another_one(view_params, picture):
    rgb = picture(224, 224)
    results = {made_view(view, rgb, "a", view_params()).tobytes() for view in NAMES}
    assert len(results | {rgb.tobytes()}) == len(NAMES) + 1


def test_the_order_of_the_pictures_does_not_matter(view_params, picture):
    pictures = {f"image-{seed}": picture(40, 40, seed) for seed in range(4)}

    def made(names):
        return {(view, name): made_view(view, pictures[name], name, view_params()) for name in names for view in NAMES}

    forward, backward = made(pictures), made(reversed(pictures))
    assert all(np.array_equal(forward[key], backward[key]) for key in forward)


def test_each_setting_reaches_its_view_and_no_other(view_params, picture):
    rgb, usual = picture(64, 64), view_params()
    kernels = {"low": 5, "medium": 51, "high": 57}
    for changed, views in (
        (view_params(blur={"kernels": kernels, "peak": 0.5, "falloff": 3.0}), {"blur-low"}),
        (view_params(blur={**usual.blur.model_dump(), "peak": 0.9}), {"blur-low", "blur-medium", "blur-high"}),
        (view_params(lowres={"size": 9}), {"lowres"}),
        (view_params(mosaic={"block": 9}), {"mosaic"}),
        (view_params(noise={"sigma": 9.0, "seed": 0}), {"noise"}),
    ):
        differ = {
            view
            for view in NAMES
            if not np.array_equal(made_view(view, rgb, "a", changed), made_view(view, rgb, "a", usual))
        }
        assert differ == views
