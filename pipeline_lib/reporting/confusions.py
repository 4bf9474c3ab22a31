"""Figures of metrics/analysis/confusions.csv: which concepts, and which categories, are taken for each other."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline_lib.reporting.style import label, new_figure

CAPTION = (
    "What was found for what was seen, over subjects and seeds: the share of a row's queries whose first item is of "
    "the column. The concepts are those that take part in most errors; what is missing to 1 in a row was found among "
    "concepts that are not shown."
)
CATEGORY_CAPTION = "The same by {system}; each row adds up to 1."
MOST = 20
CELL, SMALLEST, LETTER = 0.24, 2.4, 0.065  # inches: of a cell, all cells together, and a letter of a name
LONGEST_NAME = 30  # letters


def draw(table: pd.DataFrame, most: int = MOST) -> Figure:
    """The concepts that are confused most, a panel for each protocol.

    Parameters
    ----------
    table : DataFrame
        Not empty.
    most : int
        Concepts in a panel, at most.
    """
    matrices = {
        protocol: _most_confused(_shares(part), most) for protocol, part in table.groupby("protocol", sort=False)
    }
    return _draw_matrices(matrices, "Confused concepts", "concept")


def draw_categories(table: pd.DataFrame, concepts: pd.DataFrame) -> Figure:
    """All categories of the first system, a panel for each protocol.

    Parameters
    ----------
    table : DataFrame
        Not empty.
    concepts : DataFrame
        metrics/analysis/concepts.csv with its column ``category``; concepts of no category are left out.

    Raises
    ------
    ValueError
        If there is no category.
    """
    category = concepts.drop_duplicates("concept").set_index("concept")["category"].replace("", np.nan).dropna()
    if category.empty:
        raise ValueError("concepts holds no category; draw the concepts themselves")
    labelled = table.assign(concept=table["concept"].map(category), found=table["found"].map(category)).dropna()
    matrices = {protocol: _shares(part) for protocol, part in labelled.groupby("protocol", sort=False)}
    return _draw_matrices(matrices, "Confused categories", "category")


def _shares(table: pd.DataFrame) -> pd.DataFrame:
    """Share of each row's queries by column; the same names in rows and columns."""
    counts = table.pivot_table(index="concept", columns="found", values="count", aggfunc="sum", fill_value=0)
    names = sorted({*counts.index, *counts.columns})
    counts = counts.reindex(index=names, columns=names, fill_value=0)
    return counts.div(counts.sum(axis=1).replace(0, 1), axis=0)


def _most_confused(shares: pd.DataFrame, most: int) -> pd.DataFrame:
    """The rows and columns that take part in most errors, in the order of their names."""
    errors = shares.to_numpy() * (1 - np.eye(len(shares)))
    involved = errors.sum(axis=0) + errors.sum(axis=1)
    chosen = np.sort(np.argsort(-involved, kind="stable")[:most])
    return shares.iloc[chosen, chosen]


def _draw_matrices(matrices: dict[str, pd.DataFrame], title: str, what: str) -> Figure:
    names = LETTER * max(len(_cut(name)) for matrix in matrices.values() for name in matrix.columns)
    side = max(SMALLEST, CELL * max(len(matrix) for matrix in matrices.values()))
    figure = new_figure(1, len(matrices), width=side + names + 1.4, height=side + names + 0.8)
    panels = figure.subplots(1, len(matrices), squeeze=False)[0]
    largest = max(1e-9, *(float(matrix.to_numpy().max()) for matrix in matrices.values()))
    for axes, (protocol, matrix) in zip(panels, matrices.items(), strict=True):
        _draw_matrix(axes, matrix, largest)
        label(axes, title=f"{title}, {protocol}-subject", x=f"{what} found", y=f"{what} seen")
    return figure


def _draw_matrix(axes: Axes, matrix: pd.DataFrame, largest: float) -> None:
    """All panels have one scale of colours, so that they can be compared."""
    image = axes.imshow(matrix, vmin=0, vmax=largest, cmap="Blues")
    axes.figure.colorbar(image, ax=axes, label="share of the row's queries", shrink=0.8)
    place = np.arange(len(matrix))
    axes.set_xticks(place, [_cut(name) for name in matrix.columns], rotation=90, fontsize="x-small")
    axes.set_yticks(place, [_cut(name) for name in matrix.index], fontsize="x-small")


def _cut(name: str) -> str:
    """On one line, and cut where it is long."""
    line = " ".join(name.split())
    if len(line) <= LONGEST_NAME:
        return line
    return line[: LONGEST_NAME - 1].rstrip("\\") + "…"  # no half of an escaped dollar sign
