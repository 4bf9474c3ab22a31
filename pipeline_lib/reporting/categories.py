"""Figure of metrics/analysis/categories.csv: how well each category is found, for each system of categories."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline_lib.reporting.style import HEIGHT, label, legend_below, new_figure

CAPTION = (
    "How often the item itself is ranked first (top-1), and how often any item of its category is; black lines are "
    "what chance would give, thin ones one standard deviation over subjects and seeds."
)
ROW_HEIGHT = 0.3  # inches


def draw(table: pd.DataFrame) -> Figure:
    """Top-1 accuracy and the right category by category; a row of panels for each protocol, a column for each system.

    Parameters
    ----------
    table : DataFrame
        Not empty.
    """
    protocols, systems = table["protocol"].unique(), table["system"].unique()
    longest = table.groupby("system")["category"].nunique().max()
    figure = new_figure(len(protocols), len(systems), height=max(HEIGHT, 1.5 + ROW_HEIGHT * longest))
    panels = figure.subplots(len(protocols), len(systems), squeeze=False)
    for row, protocol in zip(panels, protocols, strict=True):
        for axes, system in zip(row, systems, strict=True):
            _draw_system(axes, table[(table["protocol"] == protocol) & (table["system"] == system)])
            label(axes, title=f"By {system}, {protocol}-subject", x="accuracy (share of queries)", y=system)
            legend_below(axes, columns=3)
    return figure


def _draw_system(axes: Axes, table: pd.DataFrame) -> None:
    groups = table.groupby("category")[["top1", "same_category", "chance1", "chance_same"]]
    mean, spread = groups.mean(), groups.std().fillna(0)
    order = mean["same_category"].sort_values(ascending=False, kind="stable").index
    mean, spread = mean.loc[order], spread.loc[order]
    place = np.arange(len(mean))
    bars = (
        ("same_category", "chance_same", -0.2, "0.7", "its category"),
        ("top1", "chance1", 0.2, "C0", "itself (top-1)"),
    )
    for measure, chance, shift, color, name in bars:
        error = {"elinewidth": 0.8, "ecolor": "0.4"}
        axes.barh(place + shift, mean[measure], 0.4, xerr=spread[measure], color=color, label=name, error_kw=error)
        axes.vlines(mean[chance], place + shift - 0.2, place + shift + 0.2, color="k", linewidth=2)
    axes.plot([], [], color="k", linewidth=2, label="chance")
    axes.set_yticks(place, mean.index, fontsize="small")
    axes.set_xlim(0, 1.05)
    axes.invert_yaxis()
