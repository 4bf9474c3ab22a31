"""Figure of metrics/analysis/time_windows.csv: accuracy against time, the windows of HMAVD's figure 7 A."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline_lib.reporting.style import HEIGHT, draw_band, draw_chance, label, legend_below, new_figure

CAPTION = (
    "Top-1 accuracy of windows of the response: from onset to the time shown (growing), from there to the end "
    "(shrinking), and around it (sliding); bands are one standard deviation over subjects and seeds. For comparison, "
    "HMAVD on THINGS-EEG2, 200-way: 1.3 % by the first 100 ms, the growing window at its best at about 500 ms, near "
    "chance in 600 to 1000 ms."
)
NAMES = {
    "growing": "growing: onset to here",
    "shrinking": "shrinking: here to the end",
    "sliding": "sliding: around here",
}
STYLES = {"growing": "-", "shrinking": "--", "sliding": "-."}  # told apart without colours, too


def draw(table: pd.DataFrame, measure: str = "top1") -> Figure:
    """Accuracy against time, a panel for each protocol.

    Parameters
    ----------
    table : DataFrame
        Not empty.
    measure : {"top1", "top5"}
    """
    protocols = table["protocol"].unique()
    figure = new_figure(1, len(protocols), height=HEIGHT + 0.8)
    for axes, protocol in zip(figure.subplots(1, len(protocols), squeeze=False)[0], protocols, strict=True):
        of_protocol = table[table["protocol"] == protocol]
        _draw_protocol(axes, of_protocol, measure)
        k = measure.removeprefix("top")
        label(
            axes,
            title=f"Accuracy by time window, {protocol}-subject",
            x="time from onset (s)",
            y=f"top-{k} accuracy (share of queries)",
        )
        axes.set_ylim(bottom=0)
        legend_below(axes)
    return figure


def _draw_protocol(axes: Axes, table: pd.DataFrame, measure: str) -> None:
    for kind, name in NAMES.items():
        of_kind = table[table["kind"] == kind]
        if len(of_kind):
            time, values = _curves(of_kind.assign(time=_shown_at(of_kind)), measure)
            draw_band(axes, time, values, name=name, style=STYLES[kind])
            if kind == "growing":
                _mark_peak(axes, time, np.nanmean(values, axis=0))
    draw_chance(axes, float(table[measure.replace("top", "chance")].mean()))


def _shown_at(table: pd.DataFrame) -> pd.Series:
    """Where windows stand on the axis: by their end, their start, or their middle."""
    places = {
        "growing": table["stop"],
        "shrinking": table["start"],
        "sliding": (table["start"] + table["stop"]) / 2,
    }
    return places[table["kind"].iloc[0]]


def _curves(table: pd.DataFrame, measure: str) -> tuple[np.ndarray, np.ndarray]:
    """Times, shape (n_points,), and the values of each run, shape (n_runs, n_points)."""
    wide = table.pivot_table(index=["subject", "seed"], columns="time", values=measure)
    return wide.columns.to_numpy(dtype=float), wide.to_numpy()


def _mark_peak(axes: Axes, time: np.ndarray, mean: np.ndarray) -> None:
    best = int(np.argmax(mean.round(4)))  # the first of equal ones
    (point,) = axes.plot(time[best], mean[best], "o", color=axes.lines[-1].get_color(), clip_on=False)
    point.set_label(f"peak of growing: {mean[best]:.3g} at {time[best]:.3g} s")
