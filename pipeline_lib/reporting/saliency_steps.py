"""The saliency extraction step by step: from the picture to what a briefly flashed eye would see of it."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from numpy import ndarray

from pipeline_lib.reporting.style import literal, new_figure
from pipeline_lib.stimuli.params import VseParams
from pipeline_lib.stimuli.vse import extract_saliency, saliency_steps

CAPTION = (
    "The first test images. Each map is drawn from its own minimum (black) to its maximum (white); weights from 0, "
    "suppressed, to 1, kept."
)
CELL = 1.45  # inches
NATIVE = 512  # pixels of the panel's pictures where the views keep their native size
NAME_WIDTH = 16  # letters
HEAT = "inferno"
MAPS = {
    "edges": "edges $F_e$",
    "luminance": "luminance $S_l$",
    "contrast": "contrast $S_d$",
    "color": "colour $S_c$",
    "exogenous": "exogenous $E_x$",
    "saliency": "saliency $S_a$",
}


def draw(pictures: Sequence[tuple[str, ndarray]], params: VseParams) -> Figure:
    """A row for each picture: itself, every map on the way, the weights as a heat map, and the weighted picture.

    Parameters
    ----------
    pictures : sequence of (str, ndarray of uint8, shape (height, width, 3))
        What each is called, and its pixels, already resized and cropped.
    params : VseParams
    """
    titles = ["picture", *MAPS.values(), "weights $R_a$", "view $I_a$"]
    figure = new_figure(len(pictures), len(titles), width=CELL, height=CELL)
    figure.suptitle("Visual saliency extraction, step by step")
    grid = figure.subplots(len(pictures), len(titles), squeeze=False)
    for line, (name, rgb) in zip(grid, pictures, strict=True):
        _draw_row(line, rgb, params)
        line[0].set_ylabel(literal(textwrap.fill(name, NAME_WIDTH)), fontsize="small")
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize="medium")
    figure.colorbar(ScalarMappable(cmap=HEAT), ax=grid.ravel().tolist(), label="weight $R_a$ (0 to 1)", pad=0.01)
    return figure


def _draw_row(line: ndarray, rgb: ndarray, params: VseParams) -> None:
    steps = saliency_steps(rgb, params)
    _show(line[0], rgb)
    for axes, name in zip(line[1:-2], MAPS, strict=True):
        _show(axes, getattr(steps, name), cmap="gray")
    _show(line[-2], steps.antagonism, cmap=HEAT, vmin=0, vmax=1)
    _show(line[-1], extract_saliency(rgb, params).view)


def _show(axes: Axes, values: ndarray, **options: object) -> None:
    axes.imshow(np.asarray(values), **options)
    axes.set(xticks=[], yticks=[])
