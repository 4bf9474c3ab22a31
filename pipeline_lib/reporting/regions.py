"""Figure of metrics/analysis/regions.csv: what each region of the head contributes, as in HMAVD's figure 7 B."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline_lib.reporting.style import HEIGHT, draw_chance, label, legend_below, new_figure

CAPTION = (
    "Top-1 accuracy that is lost without the sensors over a region (left) and that these sensors reach alone (right); "
    "lines are one standard deviation over subjects and seeds. A region's price grows with its number of sensors, "
    "which stands below it. For comparison, HMAVD on THINGS-EEG2, which trains anew without each region: occipital 4.6 "
    "points, parietal and central about 2, temporal 1, frontal -0.25 (better without)."
)
EARLY_CAPTION = (
    "As above, by a model that sees the first part of the response alone (analysis.regions.early): what is over the "
    "back of the head first spreads later. Top-5, because so little of a response puts few images first: of an "
    "accuracy near chance there is little to lose."
)


def draw(table: pd.DataFrame, measure: str = "top1") -> Figure:
    """Points lost without each region, and accuracy by it alone; a row of panels for each protocol.

    Parameters
    ----------
    table : DataFrame
        Not empty.
    measure : {"top1", "top5"}
    """
    name = f"top-{measure.removeprefix('top')}"
    protocols = table["protocol"].unique()
    figure = new_figure(len(protocols), 2, height=HEIGHT + 0.3)
    for (left, right), protocol in zip(figure.subplots(len(protocols), 2, squeeze=False), protocols, strict=True):
        of_protocol = table[table["protocol"] == protocol]
        names = _named(of_protocol)
        _draw_bars(left, 100 * _lost(of_protocol, measure), names)
        left.axhline(0, color="0.2", linewidth=0.8)
        label(left, title=f"Without a region, {protocol}-subject", x="region (sensors)", y=f"{name} lost (% points)")
        _draw_bars(right, 100 * _by_run(of_protocol, "only", measure), names)
        draw_chance(right, 100 * float(of_protocol[measure.replace("top", "chance")].mean()))
        label(right, title=f"One region alone, {protocol}-subject", x="region (sensors)", y=f"{name} accuracy (%)")
        legend_below(right, lines=2)
    return figure


def draw_early(table: pd.DataFrame) -> Figure:
    """As :func:`draw`, of top-5 accuracy: for metrics/analysis/early_regions.csv."""
    return draw(table, "top5")


def _by_run(table: pd.DataFrame, kind: str, measure: str) -> pd.DataFrame:
    """Accuracy, a row per run and a column per region, in the order of the table."""
    of_kind = table[table["kind"] == kind]
    wide = of_kind.pivot_table(index=["subject", "seed"], columns="region", values=measure)
    return wide[of_kind["region"].unique()]


def _lost(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    complete = table[table["kind"] == "all"].set_index(["subject", "seed"])[measure]
    return _by_run(table, "without", measure).rsub(complete, axis=0)


def _named(table: pd.DataFrame) -> list[str]:
    only = table[table["kind"] == "only"].drop_duplicates("region")
    return [f"{region}\n({count})" for region, count in zip(only["region"], only["n_channels"], strict=True)]


def _draw_bars(axes: Axes, values: pd.DataFrame, names: list[str]) -> None:
    spread = values.std().fillna(0) if len(values) > 1 else None
    axes.bar(np.arange(len(names)), values.mean(), yerr=spread, capsize=3, width=0.7)
    axes.set_xticks(np.arange(len(names)), names, fontsize="small")
