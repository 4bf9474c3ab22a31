"""How losses, their weights, the modulation of modalities and gradients went over the epochs of training.

All are drawn from the joined histories of the runs (``metrics/plots/curves.csv``): a column of panels for each
protocol, lines that are means over its runs, that is, subjects and seeds, and bands of one standard deviation. A figure
is None where the system has no such columns, such as the weights of a single objective.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline_lib.reporting.style import draw_band, label, legend_below, literal, new_figure

ROW_HEIGHT = 3.1  # inches
CAPTION = "Lines are means over the runs of all subjects and seeds, bands one standard deviation to each side."
LOSS_CAPTION = (
    f"{CAPTION} Contrastive losses grow with the number of candidates: those of training and validation are not on one "
    "level where batches and validation samples differ in number."
)
STYLES = ("-", "--", "-.")  # by turns, so that lines are told apart without colours, too
BALANCE = 1.0  # of ρ: all modalities contribute alike
TOTAL = "weight_total"


@dataclass(frozen=True)
class Panel:
    """One quantity: a panel for each protocol.

    Attributes
    ----------
    title, y : str
    lines : dict of str to str
        What the legend calls a line -> the column of the curves.
    reference : dict of str to str or float
        What the legend calls a dotted line -> a column, whose mean over runs is drawn, or a level.
    """

    title: str
    y: str
    lines: dict[str, str]
    reference: dict[str, str | float] = field(default_factory=dict)


def draw_losses(curves: pd.DataFrame) -> Figure | None:
    """Training and validation loss of each objective, and the epochs whose weights were kept.

    Objectives that are not validated, as those of BraVL that tell pairs from drawn ones, have no such line.
    """
    parts = {"training": "train_", "validation": "valid_"}
    panels = []
    for name, column in _names(curves, "train_").items():
        lines = {part: prefix + column for part, prefix in parts.items() if prefix + column in curves}
        panels.append(Panel(f"Loss {name}", "loss", lines))
    figure = _figure(curves, panels)
    if figure:
        grid = [axes for axes in figure.axes if axes.get_title()]
        for axes, protocol in zip(grid, _protocols(curves) * len(panels), strict=True):
            _mark_kept(axes, _of_protocol(curves, protocol))
    return figure


def draw_weights(curves: pd.DataFrame) -> Figure | None:
    """The weight of each objective, and what the weights add up to."""
    columns = _columns(curves, "weight_")
    if len(columns) < 2:
        return None
    totals = curves.assign(**{TOTAL: curves[list(columns.values())].sum(axis=1)})
    return _figure(totals, [Panel("Weights of the objectives", "weight", columns, {"sum": TOTAL})])


def draw_modulation(curves: pd.DataFrame) -> Figure | None:
    """κ, by which a modality's gradients are scaled, and ρ, how much it is ahead of the others."""
    kappa, rho = _columns(curves, "kappa_"), _columns(curves, "rho_")
    return _figure(curves, [Panel("Modulation κ", "κ", kappa), Panel("Imbalance ρ", "ρ", rho, {"balance": BALANCE})])


def draw_gradient_norms(curves: pd.DataFrame) -> Figure | None:
    """Norms of each objective's gradient, before it is weighted, and of each branch's balanced gradient."""
    panels = [
        Panel("Gradients of the objectives", "norm", _columns(curves, "grad_norm_")),
        Panel("Balanced gradients of the branches", "norm", _columns(curves, "branch_norm_")),
    ]
    return _figure(curves, panels)


def draw_view_shares(curves: pd.DataFrame) -> Figure | None:
    """How many of the training samples are matched with each view, where each has its own."""
    return _figure(curves, [Panel("Views of the training samples", "share of samples", _columns(curves, "view_"))])


def _figure(curves: pd.DataFrame, panels: Sequence[Panel]) -> Figure | None:
    panels = [panel for panel in panels if panel.lines]
    protocols = _protocols(curves)
    if not panels or not protocols:
        return None
    figure = new_figure(len(panels), len(protocols), height=ROW_HEIGHT)
    grid = figure.subplots(len(panels), len(protocols), squeeze=False, sharey="row")
    for panel, row in zip(panels, grid, strict=True):
        for protocol, axes in zip(protocols, row, strict=True):
            _draw(axes, panel, _of_protocol(curves, protocol), protocol)
    return figure


def _draw(axes: Axes, panel: Panel, curves: pd.DataFrame, protocol: str) -> None:
    for (name, column), style in zip(panel.lines.items(), cycle(STYLES), strict=False):
        runs = _of_runs(curves, column)
        draw_band(axes, runs.columns.to_numpy(), runs.to_numpy(dtype=float), name=literal(name), style=style)
    for name, reference in panel.reference.items():
        level = reference if isinstance(reference, float) else _of_runs(curves, reference).mean()
        axes.plot(runs.columns, np.broadcast_to(level, runs.shape[1]), color="0.4", linestyle=":", label=name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    label(axes, title=f"{panel.title} ({literal(protocol)})", x="epoch", y=panel.y)
    legend_below(axes, columns=3)


def _mark_kept(axes: Axes, curves: pd.DataFrame) -> None:
    """A dotted line at each run's epoch of lowest validation loss."""
    kept = curves.loc[curves.groupby("run")["valid_loss"].idxmin(), "epoch"]
    for number, epoch in enumerate(kept):
        axes.axvline(epoch, color="0.4", linestyle=":", linewidth=1, label=None if number else "epochs kept")
    legend_below(axes, columns=3)


def _of_runs(curves: pd.DataFrame, column: str) -> pd.DataFrame:
    """A row for each run, a column for each epoch."""
    return curves.pivot(index="run", columns="epoch", values=column)


def _protocols(curves: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(run.split(" ", 1)[0] for run in curves["run"]))


def _of_protocol(curves: pd.DataFrame, protocol: str) -> pd.DataFrame:
    return curves[curves["run"].str.startswith(f"{protocol} ")]


def _names(curves: pd.DataFrame, prefix: str) -> dict[str, str]:
    """What columns of a prefix are about, as people write it, and as the columns do: brain-image, brain_image."""
    found = [name.removeprefix(prefix) for name in curves if name.startswith(prefix)]
    return {name.replace("_", "-"): name for name in found}


def _columns(curves: pd.DataFrame, prefix: str) -> dict[str, str]:
    return {name: prefix + column for name, column in _names(curves, prefix).items()}
