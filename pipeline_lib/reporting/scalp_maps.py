"""Rows of maps of the head seen from above, the nose up, one map for each window of the epoch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage

from pipeline_lib.analysis.sensors import sensor_kind
from pipeline_lib.common.errors import listed

MAP_WIDTH, LINE_HEIGHT, TITLE_HEIGHT = 1.05, 1.25, 0.5  # inches
PER_LINE = 12
FEWEST_PLACES = 4  # that an interpolation between them is worth its name
NO_PLACES = (
    "No map: the names of the channels do not tell where they lie (EEG: 10-05 system, MEG: CTF and Neuromag). The "
    "numbers stand in metrics/analysis."
)
MOST_DOTS = 128  # sensors of more channels are not marked: dots would hide the colours
HEAD = (0.0, 0.0, 0.0, 1.0)  # centre and radius of the circle: places are shares of it
PLACE = ["start", "stop", "ch_name", "x", "y"]


@dataclass(frozen=True)
class MapRow:
    """Maps with one colour scale.

    Attributes
    ----------
    title : str
    values : DataFrame
        Columns of :data:`PLACE` and ``value``, a row for each window and channel.
    unit : str
        What the colours mean, with the unit in brackets.
    signed : bool
        Whether values may be negative; the scale is then even around zero. Defaults to False.
    """

    title: str
    values: pd.DataFrame
    unit: str
    signed: bool = False


def map_rows_of(table: pd.DataFrame, column: str, unit: str, *, signed: bool = False) -> Iterator[MapRow]:
    """The mean of a column over runs: a row of maps for each protocol and kind of sensor.

    Parameters
    ----------
    table : DataFrame
        ``protocol``, ``subject``, ``seed``, the columns of :data:`PLACE` and `column`. Channels without a place are
        left out, and the title says which; protocols and kinds with less than four places, wholly.
    column, unit : str
    signed : bool
    """
    for protocol, rows in table.groupby("protocol", sort=False):
        n_runs = len(rows[["subject", "seed"]].drop_duplicates())
        placed = rows.dropna(subset=["x", "y"])
        missing = list(dict.fromkeys(rows.loc[rows["x"].isna(), "ch_name"]))
        said = f"; no place known of {len(missing)}: {listed(missing, most=4)}" if missing else ""
        kinds = placed["ch_name"].map(sensor_kind)
        for kind, part in placed.groupby(kinds, sort=False):
            if part["ch_name"].nunique() >= FEWEST_PLACES:
                means = part.groupby(PLACE, sort=False, as_index=False)[column].mean()
                title = f"{protocol}, {kind}, {'mean of ' if n_runs > 1 else ''}{n_runs} run{'s' * (n_runs > 1)}{said}"
                yield MapRow(title, means.rename(columns={column: "value"}), unit, signed)


def draw_map_rows(rows: Sequence[MapRow], *, title: str) -> Figure | None:
    """A figure of rows of maps; None without any."""
    if not rows:
        return None
    lines = [-(-_n_windows(row) // PER_LINE) for row in rows]
    heights = [TITLE_HEIGHT + LINE_HEIGHT * count for count in lines]
    columns = min(PER_LINE, max(map(_n_windows, rows)))
    figure = Figure(figsize=(1.6 + MAP_WIDTH * max(columns, 4), 0.4 + sum(heights)), layout="constrained")
    figure.suptitle(title)
    parts = np.atleast_1d(figure.subfigures(len(rows), 1, height_ratios=heights))
    for part, row, count in zip(parts, rows, lines, strict=True):
        _draw_row(part, row, count, columns)
    return figure


def _n_windows(row: MapRow) -> int:
    return len(row.values[["start", "stop"]].drop_duplicates())


def _draw_row(part: SubFigure, row: MapRow, lines: int, columns: int) -> None:
    """One colour scale and its bar; places of the grid that are left over stay empty."""
    part.suptitle(row.title, fontsize="medium")
    grid = part.subplots(lines, columns, squeeze=False)
    largest = float(row.values["value"].abs().max()) or 1.0
    limits = (-largest if row.signed else 0.0, largest)
    windows = row.values.groupby(["start", "stop"], sort=True)
    for axes in grid.flat[len(windows) :]:
        axes.set_axis_off()
    for axes, (times, values) in zip(grid.flat, windows, strict=False):
        image = _draw_map(axes, values, limits, "RdBu_r" if row.signed else "viridis")
        axes.set_title("{:.0f}–{:.0f} ms".format(*(1000 * time for time in times)), fontsize="small")
    part.colorbar(image, ax=grid, label=row.unit, shrink=0.9, aspect=12)


def _draw_map(axes: Axes, values: pd.DataFrame, limits: tuple[float, float], colors: str) -> AxesImage:
    from mne.viz import plot_topomap

    places = values[["x", "y"]].to_numpy()
    look = {"vlim": limits, "cmap": colors, "sensors": len(places) <= MOST_DOTS, "contours": 0}
    look["extrapolate"] = "local"  # sensors of a part of the head say nothing about the rest of it
    image, _ = plot_topomap(values["value"].to_numpy(), places, axes=axes, sphere=HEAD, show=False, **look)
    return image
