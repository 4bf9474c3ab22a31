"""Accuracy against a number of items, beside chance, which depends on that number too."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from pipeline_lib.reporting.style import HEIGHT, label, legend_below, literal, new_figure

STYLES = {"from-brain": "-", "to-brain": ":"}
FAR = 10
TICKS = (1, 2, 4, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000)


def draw_accuracy_curves(table: pd.DataFrame, column: str, *, title: str, x: str, y: str) -> Figure:
    """A panel for each protocol, a line for each gallery and direction.

    Parameters
    ----------
    table : DataFrame
        ``protocol``, ``gallery``, ``direction``, `column`, ``accuracy`` and ``chance``, both in [0, 1].
    column : str
        The number of items.
    title, x, y : str
        Of the panels and their axes.
    """
    protocols = list(dict.fromkeys(table["protocol"]))
    figure = new_figure(1, len(protocols), height=HEIGHT + 0.8)
    grid = figure.subplots(1, len(protocols), squeeze=False, sharey=True)[0]
    for protocol, axes in zip(protocols, grid, strict=True):
        rows = table[table["protocol"] == protocol]
        for number, (gallery, lines) in enumerate(rows.groupby("gallery", sort=False)):
            _draw_gallery(axes, lines, column, gallery, color=f"C{number}")
        _draw_chance(axes, rows, column)
        label(axes, title=f"{title} ({literal(protocol)})", x=x, y=y)
        _scale(axes, rows[column])
    return figure


def _draw_gallery(axes: Axes, rows: pd.DataFrame, column: str, gallery: str, *, color: str) -> None:
    for direction, line in rows.groupby("direction", sort=False):
        line = line.sort_values(column)
        name = literal(f"{gallery}, {direction}")
        style = STYLES.get(direction, "--")
        axes.plot(line[column], 100 * line["accuracy"], style, marker=".", color=color, label=name)


def _draw_chance(axes: Axes, rows: pd.DataFrame, column: str) -> None:
    """One dashed line for all galleries of one size."""
    lines = [line.sort_values(column) for _, line in rows.groupby(["gallery", "direction"], sort=False)]
    distinct = {tuple(zip(line[column], line["chance"], strict=True)) for line in lines}
    for number, points in enumerate(sorted(distinct)):
        places, levels = zip(*points, strict=True)
        name = None if number else "chance"
        axes.plot(places, [100 * level for level in levels], "--", color="0.4", linewidth=1, label=name)


def _scale(axes: Axes, numbers: pd.Series) -> None:
    """Numbers of items as they are; a logarithmic scale where they reach far."""
    known = sorted(set(numbers))
    if known[-1] > FAR * known[0]:
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks([known[0], *(tick for tick in TICKS if known[0] < tick <= known[-1])])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_ylim(0, 102)
    legend_below(axes)
