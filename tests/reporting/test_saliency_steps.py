"""The panel of saliency steps shows what the extraction itself makes."""

import numpy as np
import pytest

from pipeline_lib.common.params import validated
from pipeline_lib.reporting.saliency_steps import MAPS, draw
from pipeline_lib.stimuli.params import VseParams
from pipeline_lib.stimuli.vse import extract_saliency, saliency_steps


@pytest.fixture
def vse(params):
    return validated(params, "vse", VseParams)


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    return [(name, rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)) for name in ("$ a <b>", "b", "b")]


def shown(axes):
    return np.asarray(axes.get_images()[0].get_array())


def test_every_step_stands_beside_the_picture(pictures, vse):
    figure = draw(pictures, vse)
    rows = np.reshape([axes for axes in figure.axes if axes.get_label() != "<colorbar>"], (3, len(MAPS) + 3))
    for (_, rgb), row in zip(pictures, rows, strict=True):
        steps, saliency = saliency_steps(rgb, vse), extract_saliency(rgb, vse)
        np.testing.assert_array_equal(shown(row[0]), rgb)
        for axes, name in zip(row[1:], [*MAPS, "antagonism"], strict=False):
            np.testing.assert_array_equal(shown(axes), getattr(steps, name))
        np.testing.assert_array_equal(shown(row[-1]), saliency.view)


def test_columns_and_rows_are_named(pictures, vse):
    figure = draw(pictures, vse)
    assert all(axes.get_title() for axes in figure.axes[: len(MAPS) + 3])
    assert figure.axes[0].get_ylabel() == "\\$ a <b>"
    assert figure.get_suptitle()
    figure.draw_without_rendering()


def test_a_blank_picture_has_a_panel_too(vse):
    draw([("blank", np.full((16, 16, 3), 128, dtype=np.uint8))], vse).draw_without_rendering()
