"""Experiments as tables: parameters against a metric, and ablations."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline_lib.commands.experiment_list import Experiment

ABSENT = "–"
NUMBER = re.compile(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?")


@dataclass(frozen=True)
class Grid:
    """A table of text.

    Attributes
    ----------
    header : list of str
    rows : list of list of str
        As long as the header.
    labels : int
        So many columns say what a row is; the others hold figures.
    notes : list of str
        What has to be known to read it.
    """

    header: list[str]
    rows: list[list[str]]
    labels: int
    notes: list[str]


def pivot(experiments: Sequence[Experiment], rows: str, columns: str, metric: str) -> Grid:
    """A metric by two parameters: the mean of the experiments that fall into a cell, and how many where several do.

    Parameters
    ----------
    experiments : sequence of Experiment
    rows, columns : str
        Dotted keys of params.yaml; without `columns`, there is one column.
    metric : str
        Dotted key of the metrics.
    """
    cells: dict[tuple[str, str], list[float]] = {}
    for one in experiments:
        if metric in one.metrics:
            across = _shown(one.params.get(columns, ABSENT)) if columns else metric
            cells.setdefault((_shown(one.params.get(rows, ABSENT)), across), []).append(one.metrics[metric])
    down, over = (sorted({place[axis] for place in cells}, key=_natural) for axis in (0, 1))
    body = [[name, *(_cell(cells.get((name, other), [])) for other in over)] for name in down]
    notes = [metric, *_without(experiments, metric)]
    if any(len(values) > 1 for values in cells.values()):
        notes.insert(1, "in brackets: of so many experiments it is the mean")
    return Grid([f"{rows} \\ {columns}" if columns else rows, *over], body, 1, notes)


def ablation(experiments: Sequence[Experiment], metric: str) -> Grid:
    """One row per experiment that says only what differs from the first one, its metric and the difference.

    Parameters
    ----------
    experiments : sequence of Experiment
        The first is the baseline.
    metric : str
    """
    baseline, *others = experiments
    reference = baseline.metrics.get(metric)
    rows = [[baseline.name, "baseline", _number(reference), ""]]
    for one in others:
        value = one.metrics.get(metric)
        difference = "" if value is None or reference is None else f"{value - reference:+.4f}"
        rows.append([one.name, "; ".join(differences(one, baseline)) or "nothing", _number(value), difference])
    header = ["experiment", f"differs from {baseline.name} in", metric, "difference"]
    return Grid(header, rows, 2, _without(experiments, metric))


def differences(one: Experiment, baseline: Experiment) -> list[str]:
    """``key: value (baseline's)`` for each parameter that is not the baseline's; one side only is ``–``."""
    keys = [*one.params, *(key for key in baseline.params if key not in one.params)]
    pairs = ((key, one.params.get(key, ABSENT), baseline.params.get(key, ABSENT)) for key in keys)
    return [f"{key}: {_shown(mine)} ({_shown(its)})" for key, mine, its in pairs if mine != its]


def _without(experiments: Sequence[Experiment], metric: str) -> list[str]:
    names = [one.name for one in experiments if metric not in one.metrics]
    return [f"without {metric}: {', '.join(names)}"] if names else []


def _cell(values: list[float]) -> str:
    if not values:
        return ABSENT
    mean = _number(math.fsum(values) / len(values))
    return mean if len(values) == 1 else f"{mean} ({len(values)})"


def _number(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.4f}"


def _shown(value: Any) -> str:
    """A value as params.yaml would have it."""
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _natural(text: str) -> list[tuple[int, float, str]]:
    """Numbers by size, ``1e-05`` before ``0.001``; then text by letters, ``a2`` before ``a10``."""
    if NUMBER.fullmatch(text):
        return [(0, float(text), "")]
    parts = re.split(r"(\d+(?:\.\d+)?)", text)
    return [(0, float(part), "") if place % 2 else (1, 0.0, part) for place, part in enumerate(parts) if part]
