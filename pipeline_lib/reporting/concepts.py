"""Figure of metrics/analysis/concepts.csv: the concepts that are found best and worst."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline_lib.reporting.style import WIDTH, label, legend_below, new_figure

CAPTION = (
    "The concepts that are found best and worst over subjects and seeds, by top-1 accuracy, then top-5, then mean "
    "rank. Few queries stand behind each bar."
)
MOST = 15
ROW_HEIGHT = 0.22  # inches


def draw(table: pd.DataFrame, most: int = MOST) -> Figure:
    """Top-1 and top-5 accuracy of the best and the worst concepts; a row of panels for each protocol.

    Parameters
    ----------
    table : DataFrame
        Not empty.
    most : int
        Concepts in a panel, at most half of all.
    """
    protocols = table["protocol"].unique()
    shown = min(most, max(1, table["concept"].nunique() // 2))
    figure = new_figure(len(protocols), 2, width=WIDTH * 1.1, height=1.7 + ROW_HEIGHT * shown)
    for panels, protocol in zip(figure.subplots(len(protocols), 2, squeeze=False), protocols, strict=True):
        ordered = _ordered(table[table["protocol"] == protocol])
        for axes, word, part in zip(panels, ("best", "worst"), (ordered[:shown], ordered[-shown:]), strict=True):
            _draw_bars(axes, part)
            title = f"Concepts found {word}, {protocol}-subject"
            label(axes, title=title, x="accuracy (share of queries)", y="concept")
            legend_below(axes)
    return figure


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    """The mean over runs of each concept, best first."""
    measures = ["top1", "top5", "mean_rank", "chance1", "chance5"]
    mean = table.groupby("concept", sort=False)[measures].mean()
    return mean.sort_values(["top1", "top5", "mean_rank"], ascending=[False, False, True], kind="stable")


def _draw_bars(axes: Axes, part: pd.DataFrame) -> None:
    place = np.arange(len(part))
    axes.barh(place, part["top5"], color="0.8", height=0.75, label="top-5")
    axes.barh(place, part["top1"], color="C0", height=0.45, label="top-1")
    for measure, style in (("chance1", "--"), ("chance5", ":")):
        level = float(part[measure].mean())
        name = f"chance of top-{measure[-1]} ({level:.3g})"
        axes.axvline(level, color="0.3", linestyle=style, linewidth=1, label=name)
    axes.set_yticks(place, part.index, fontsize="small")
    axes.set_xlim(0, 1)
    axes.invert_yaxis()
