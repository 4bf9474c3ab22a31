"""What sections of the report consist of: figures that are drawn from one table each, and other items."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from pipeline_lib.reporting.materials import Materials
from pipeline_lib.reporting.page import Drawing, Item, Lines
from pipeline_lib.reporting.style import literal_table

Part = Callable[[Materials], Iterable[Item]]
Drawn = Figure | Mapping[str, Figure] | None


@dataclass(frozen=True)
class Shown:
    """A figure that is drawn from one table.

    Attributes
    ----------
    title : str
    table : str
        The csv below the metrics.
    draw : callable
        From the table to a figure, to several by the name of each, or to None where the table says nothing about it.
    chance : bool
        Each panel of it has the level of chance. Defaults to False.
    axes : bool
        Its panels have axes with labels; maps and pictures have none. Defaults to True.
    caption : str
        Stands below. Defaults to nothing.
    absent : str
        Stands in its place where the table has rows, and nothing in them can be drawn. Defaults to nothing.
    """

    title: str
    table: str
    draw: Callable[[pd.DataFrame], Drawn]
    chance: bool = False
    axes: bool = True
    caption: str = ""
    absent: str = ""

    def __call__(self, materials: Materials) -> Iterator[Item]:
        """The figure; for a table without rows a line that says so."""
        table = materials.table(self.table)
        if table.empty:
            yield nothing_in(self.title, materials, self.table)
            return
        figures = self.figures(table)
        if self.absent and not figures:
            yield Lines(self.title, [self.absent])
        for name, figure in figures.items():
            yield Drawing(f"{self.title}: {name}" if name else self.title, figure, self.caption)

    def figures(self, table: pd.DataFrame) -> dict[str, Figure]:
        """The figures by their names, that of a single one is empty; none where there is nothing to draw."""
        drawn = self.draw(literal_table(table))
        return dict(drawn) if isinstance(drawn, Mapping) else {"": drawn} if drawn else {}


@dataclass(frozen=True)
class Theme:
    """A section of the page."""

    title: str
    parts: tuple[Part, ...]

    def items(self, materials: Materials) -> Iterator[Item]:
        """All that it shows."""
        for part in self.parts:
            yield from part(materials)


def nothing_in(title: str, materials: Materials, table: str) -> Lines:
    """The note in place of a figure."""
    where = materials.metrics / table
    reasons = materials.notes(table) or ["The analysis is switched off, or does not apply to these data."]
    return Lines(title, [f"Left out: {where} has no rows.", *reasons])
