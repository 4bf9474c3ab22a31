"""What was seen beside the five pictures that were taken for it: the best and the worst matches."""

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy import ndarray

from pipeline_lib.reporting.style import literal, new_figure

FOUND = 5
CELL_WIDTH, CELL_HEIGHT = 1.45, 1.95  # inches
PLACES = ("seen", "1st", "2nd", "3rd", "4th", "5th")
RIGHT, ELSE = "tab:green", "0.85"
CAPTION_WIDTH, CAPTION_LINES = 24, 3

Picture = Callable[[str], ndarray | None]


def chosen_matches(table: pd.DataFrame, count: int, *, best: bool) -> pd.DataFrame:
    """The `count` best (worst) queries, each of another picture.

    Parameters
    ----------
    table : DataFrame
        ``metrics/analysis/ranked.csv``, of one protocol.
    count : int
        How many, at most.
    best : bool
        Lowest rank first, and among those the highest similarity; else the other way round.
    """
    ordered = table.assign(distance=-table["similarity"])
    ordered = ordered.sort_values(["rank", "distance", "image_id"], ascending=best, kind="stable")
    return ordered.drop_duplicates("image_id").head(count).drop(columns="distance")


def draw(table: pd.DataFrame, picture: Picture, captions: Mapping[str, str], *, title: str) -> Figure:
    """A row for each query: the picture that was seen, and the five best with their similarity, the right one framed.

    Parameters
    ----------
    table : DataFrame
        Rows of ``metrics/analysis/ranked.csv``.
    picture : callable
        From an image id to ndarray of uint8, shape (height, width, 3), or None where the file cannot be read.
    captions : mapping of str to str
        What is written under pictures, by image id; may lack some.
    title : str
    """
    rows = table.to_dict("records")
    figure = new_figure(len(rows), len(PLACES), width=CELL_WIDTH, height=CELL_HEIGHT)
    figure.suptitle(literal(title))
    grid = figure.subplots(len(rows), len(PLACES), squeeze=False)
    for row, line in zip(rows, grid, strict=True):
        _draw_row(line, row, picture, captions)
    for axes, place in zip(grid[0], PLACES, strict=True):
        axes.set_title(place, fontsize="medium")
    return figure


def _draw_row(line: ndarray, row: Mapping[str, Any], picture: Picture, captions: Mapping[str, str]) -> None:
    seen = row["image_id"]
    _draw_picture(line[0], picture(seen), _wrapped(captions.get(seen, row["concept"])), frame=ELSE)
    line[0].set_ylabel(literal(f"{row['subject']}, seed {row['seed']}\nrank {row['rank']}"), fontsize="small")
    for place, axes in enumerate(line[1:], 1):
        found, similarity = row.get(f"found_{place}"), row.get(f"similarity_{place}")
        if not isinstance(found, str) or not found:
            axes.set_axis_off()
            continue
        text = f"{similarity:.3f}\n{_wrapped(captions.get(found, ''))}"
        _draw_picture(axes, picture(found), text, frame=RIGHT if found == seen else ELSE)


def _draw_picture(axes: Axes, rgb: ndarray | None, text: str, *, frame: str) -> None:
    axes.set(xticks=[], yticks=[], box_aspect=1)
    if rgb is None:
        axes.text(0.5, 0.5, "no picture", ha="center", va="center", color="0.4", transform=axes.transAxes)
    else:
        axes.imshow(rgb, aspect="auto")
    axes.spines[:].set(color=frame, linewidth=4 if frame == RIGHT else 1)
    axes.set_xlabel(literal(text), fontsize="x-small")


def _wrapped(text: str) -> str:
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return textwrap.fill(plain, CAPTION_WIDTH, max_lines=CAPTION_LINES, placeholder=" …")
