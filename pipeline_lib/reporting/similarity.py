"""How far brain, image and text agree about the test images, before and after alignment."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline_lib.reporting.style import draw_chance, label, new_figure

CAPTION = (
    "Rank correlation of distances (1 - cosine) between test images in two spaces, or between a space and categories; "
    "bars are means over subjects and seeds, dots the runs. The bands are of the brain alone, by halves of a person's "
    "own trials: their lower edge is what the halves agree, the upper one what a space without noise would reach with "
    "the mean of all trials. Where an embedding keeps what repeats, its band lies above that of the responses."
)
COLORS = {"brain": "C0", "image": "C1", "text": "C2"}
STRENGTH = {"before": 0.4, "after": 1.0}  # opacity of a stage's bars
GROUP = 0.84  # of the distance between groups of bars


def draw(table: pd.DataFrame) -> Figure:
    """A panel for each protocol: bars are means over runs, dots the runs, bands the brain's noise ceilings.

    Parameters
    ----------
    table : DataFrame
        Of :mod:`pipeline_lib.analysis.similarity`.
    """
    protocols = list(dict.fromkeys(table["protocol"]))
    groups = list(dict.fromkeys(table["compared_with"]))
    figure = new_figure(len(protocols), 1, width=max(6.0, 2.2 + 1.3 * len(groups)), height=3.6)
    grid = figure.subplots(len(protocols), 1, squeeze=False, sharey=True)[:, 0]
    for protocol, axes in zip(protocols, grid, strict=True):
        rows = table[table["protocol"] == protocol]
        _draw_ceilings(axes, rows)
        _draw_bars(axes, rows, groups)
        draw_chance(axes, 0)
        title = f"Representational similarity ({protocol})"
        label(axes, title=title, x="compared with", y="agreement (Spearman's ρ)")
        axes.set_xticks(range(len(groups)), groups)
        axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _draw_bars(axes: Axes, rows: pd.DataFrame, groups: list[str]) -> None:
    series = [(space, stage) for space in COLORS for stage in STRENGTH if _of(rows, space, stage).size]
    width = GROUP / len(series)
    for number, (space, stage) in enumerate(series):
        found = _of(rows, space, stage)
        places = found["compared_with"].map(groups.index) + (number - (len(series) - 1) / 2) * width
        means = found.groupby(places)["rho"].mean()
        look = {"color": COLORS[space], "alpha": STRENGTH[stage]}
        axes.bar(means.index, means, width, label=f"{space}, {stage} alignment", **look)
        axes.plot(places, found["rho"], ".", color="0.15", markersize=3)


def _draw_ceilings(axes: Axes, rows: pd.DataFrame) -> None:
    for stage, opacity in STRENGTH.items():
        low, high = _of(rows, "brain", stage)[["ceiling_low", "ceiling_high"]].mean()
        if np.isfinite(high):
            name = f"noise ceiling, brain, {stage}"
            axes.axhspan(low, high, color="0.5", alpha=0.15 + 0.15 * opacity, linewidth=0, label=name, zorder=0)


def _of(rows: pd.DataFrame, space: str, stage: str) -> pd.DataFrame:
    return rows[(rows["space"] == space) & (rows["stage"] == stage)]
