"""Test images on a plane, before and after alignment, coloured by category."""

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline_lib.reporting.style import label, new_figure

MARKERS = {"brain": "o", "image": "^", "text": "s"}
MOST_COLORS = 12
# Of Okabe & Ito (Color Universal Design, 2008): eight that people tell apart whatever colours they see.
OKABE_ITO = ("#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7", "#f0e442", "#000000")
CAPTION = (
    "One person of each protocol. Images that are represented alike lie close to each other; distances between far "
    "ones, and the axes, mean nothing. Before alignment each space has a plane of its own; after it they share one."
)
OTHERS = "0.7"


def draw(table: pd.DataFrame) -> dict[str, Figure]:
    """A figure of the first run of each protocol: a panel for each space before alignment, and one for all after it.

    Parameters
    ----------
    table : DataFrame
        Of :mod:`pipeline_lib.analysis.projection`.

    Returns
    -------
    dict of str to Figure
        By what is shown: protocol, subject and seed.
    """
    figures = {}
    for protocol, rows in table.groupby("protocol", sort=False):
        subject, seed = rows.iloc[0][["subject", "seed"]]
        run = rows[(rows["subject"] == subject) & (rows["seed"] == seed)]
        name = f"{protocol}, {subject}, seed {seed}"
        figures[name] = _draw_run(run.assign(category=run["category"].astype(object).fillna("").astype(str)), name)
    return figures


def _draw_run(run: pd.DataFrame, name: str) -> Figure:
    before, after = (run[run["stage"] == stage] for stage in ("before", "after"))
    alone = list(dict.fromkeys(before["modality"]))
    colors = category_colors(run)
    figure = new_figure(1, len(alone) + 1, width=3.4, height=3.6)
    figure.suptitle(f"Test images on a plane ({name})")
    panels = [(f"{modality}, before", before[before["modality"] == modality]) for modality in alone]
    grid = figure.subplots(1, len(alone) + 1, squeeze=False)[0]
    for axes, (title, rows) in zip(grid, [*panels, ("all, after alignment", after)], strict=True):
        _draw_points(axes, rows, colors)
        label(axes, title=title, x="first axis (no unit)", y="second axis (no unit)")
        axes.set(xticks=[], yticks=[])
    others = not set(run["category"]) <= set(colors)
    figure.legend(handles=_keys(alone, colors, others=others), loc="outside right center", fontsize="small")
    return figure


def category_colors(run: pd.DataFrame) -> dict[str, object]:
    """A colour for each of the most frequent categories, at most :data:`MOST_COLORS`."""
    counts = run.loc[run["category"] != "", "category"].value_counts()
    names = sorted(counts.index[:MOST_COLORS])
    palette = OKABE_ITO if len(names) <= len(OKABE_ITO) else mpl.color_sequences["Paired"]
    return dict(zip(names, palette, strict=False))


def _draw_points(axes: Axes, rows: pd.DataFrame, colors: dict[str, object]) -> None:
    for modality, points in rows.groupby("modality", sort=False):
        shades = [colors.get(category, OTHERS) for category in points["category"]]
        look = {"s": 22, "edgecolor": "0.2", "linewidth": 0.3}
        axes.scatter(points["x"], points["y"], c=shades, marker=MARKERS[modality], **look)


def _keys(modalities: list[str], colors: dict[str, object], *, others: bool) -> list[Line2D]:
    """Modalities by their markers, then categories by their colours."""
    look = {"linestyle": "none", "markersize": 6}
    hollow = look | {"color": "0.2", "fillstyle": "none"}
    kinds = [Line2D([], [], marker=MARKERS[name], label=name, **hollow) for name in modalities]
    rest = [("others" if colors else "no category", OTHERS)] if others else []
    return [
        *kinds,
        *(Line2D([], [], marker="o", color=color, label=name, **look) for name, color in [*colors.items(), *rest]),
    ]
