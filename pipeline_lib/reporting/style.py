"""What all figures have in common: size, labels, chance, bands; drawn without pyplot and its global state."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import offset_copy

WIDTH, HEIGHT = 5.0, 3.4  # inches, of one panel
BELOW_LABEL = 0.45  # inches below a panel, behind numbers and the name of its axis
LINE = 0.16  # inches of a line of text


def new_figure(rows: int = 1, columns: int = 1, *, width: float = WIDTH, height: float = HEIGHT) -> Figure:
    """An empty figure for `rows` times `columns` panels of `width` times `height` inches."""
    return Figure(figsize=(width * columns, height * rows), layout="constrained")


def label(axes: Axes, *, title: str, x: str, y: str) -> None:
    """Name a panel and its axes; units stand in brackets: ``time (s)``."""
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)


def draw_chance(axes: Axes, level: float) -> None:
    """A dashed line at what guessing would give, named in the legend."""
    axes.axhline(level, color="0.4", linestyle="--", linewidth=1, label=f"chance ({level:.3g})")


def legend_below(axes: Axes, *, columns: int = 2, lines: int = 1) -> None:
    """A legend under a panel and the name of its axis, where it hides no data; `lines` are those of a tick's label."""
    below = offset_copy(axes.transAxes, axes.figure, y=-BELOW_LABEL - LINE * (lines - 1))
    look = {"fontsize": "small", "frameon": False, "ncols": columns}
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, **look)


def draw_band(axes: Axes, x: np.ndarray, values: np.ndarray, *, name: str, style: str = "-") -> None:
    """The mean over runs as a line, and one standard deviation to each side where there are several runs.

    Parameters
    ----------
    axes : Axes
    x : ndarray, shape (n_points,)
    values : ndarray, shape (n_runs, n_points)
        NaN where a run has no value, as after it stopped early.
    name : str
        For the legend.
    style : str
        Of the line, as Matplotlib has it. Defaults to a solid one.
    """
    runs = pd.DataFrame(values)
    mean = runs.mean()
    (line,) = axes.plot(x, mean, linestyle=style, label=name)
    if len(values) > 1:
        spread = runs.std()
        axes.fill_between(x, mean - spread, mean + spread, color=line.get_color(), alpha=0.2, linewidth=0)


def literal(text: str) -> str:
    """`text` from outside, for Matplotlib, which else takes what stands between dollar signs for a formula."""
    return text.replace("$", r"\$")


def literal_table(table: pd.DataFrame) -> pd.DataFrame:
    """A copy of `table` whose texts are :func:`literal`."""
    texts = table.select_dtypes(exclude="number").columns
    return table.assign(**{name: [literal(x) if isinstance(x, str) else x for x in table[name]] for name in texts})
