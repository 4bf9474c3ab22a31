"""Figure of a comparison: how much each system differs from the first, with intervals."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline_lib.reporting.style import label, literal, new_figure

TITLES = {"top1": "top-1", "top5": "top-5", "mrr": "mean reciprocal rank"}
SIGNIFICANT = 0.05
ROW, FRAME = 0.32, 1.3  # inches, of a system's line and of a panel's title and axis


def draw(table: pd.DataFrame) -> Figure:
    """A forest plot: a column of panels per measure, a row per protocol, a line per gallery and system.

    Filled points differ from the baseline at p < 0.05 after Holm's correction.

    Parameters
    ----------
    table : DataFrame
        Columns :data:`pipeline_lib.retrieval.comparison.COLUMNS`.
    """
    protocols, measures = (list(dict.fromkeys(table[name])) for name in ("protocol", "measure"))
    others = table[table["p"].notna()]
    most = max(others.groupby(["protocol", "measure"]).size())
    figure = new_figure(len(protocols), len(measures), height=FRAME + ROW * most)
    panels = figure.subplots(len(protocols), len(measures), squeeze=False, sharey="row")
    for line, protocol in zip(panels, protocols, strict=True):
        for axes, measure in zip(line, measures, strict=True):
            part = others[(others["protocol"] == protocol) & (others["measure"] == measure)]
            _panel(axes, part, f"{protocol}: {TITLES[measure]}", points=measure != "mrr")
            axes.set_ylabel(axes.get_ylabel() if axes is line[0] else "")
    baseline = literal(table["system"].iloc[0])
    panels[0, 0].axvline(0.0, color="0.4", linestyle="--", linewidth=1, label=f"no difference to {baseline}")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure


def _panel(axes: Axes, part: pd.DataFrame, title: str, *, points: bool) -> None:
    scale = 100.0 if points else 1.0
    shift, low, high = (scale * part[name].to_numpy() for name in ("difference", "low", "high"))
    place = np.arange(len(part))
    clear = part["p_holm"].to_numpy() < SIGNIFICANT
    axes.axvline(0.0, color="0.4", linestyle="--", linewidth=1)
    axes.hlines(place, low, high, color="C0", label="95 % interval over images")
    axes.plot(shift[clear], place[clear], "o", color="C0", label=f"p < {SIGNIFICANT:g} (Holm)")
    axes.plot(shift[~clear], place[~clear], "o", color="C0", markerfacecolor="white", label=f"p ≥ {SIGNIFICANT:g}")
    names = [literal(f"{row.system}, {row.gallery}") for row in part.itertuples()]
    axes.set_yticks(place, names)
    axes.set_ylim(len(part) - 0.5, -0.5)
    label(axes, title=title, x=f"difference ({'percentage points' if points else 'MRR, 0 to 1'})", y="system, gallery")
