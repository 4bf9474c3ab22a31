"""A table of text for a terminal, and as csv, Markdown or HTML: whatever stands in it stays text."""

import csv
import html
import io
from collections.abc import Callable
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from pipeline_lib.commands.pivot import Grid
from pipeline_lib.common.errors import bad_value
from pipeline_lib.common.outputs import written_whole


def render(grid: Grid) -> Table:
    """The table for people."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for number, name in enumerate(grid.header):
        table.add_column(Text(name), justify="left" if number < grid.labels else "right")
    for row in grid.rows:
        table.add_row(*map(Text, row))
    return table


def write_grid(grid: Grid, out: Path) -> None:
    """Write it in the form that the file's ending says, one of :data:`FORMS`."""
    with written_whole(out) as unfinished:
        unfinished.write_text(FORMS[out.suffix](grid), encoding="utf-8", newline="")


def check_form(out: Path | None) -> None:
    """Refuse a file of another ending, before anything is read; InputError."""
    if out and out.suffix not in FORMS:
        raise bad_value("--out", str(out), f"a file that ends in {', '.join(FORMS)}")


def as_csv(grid: Grid) -> str:
    """The table alone, without notes."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([grid.header, *grid.rows])
    return text.getvalue()


def as_markdown(grid: Grid) -> str:
    """A table of GitHub's Markdown, with the notes as a list below."""
    rule = ["---" if number < grid.labels else "--:" for number in range(len(grid.header))]
    lines = [[*map(_for_markdown, grid.header)], rule, *([*map(_for_markdown, row)] for row in grid.rows)]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return "\n".join([table, *(f"- {_for_markdown(note)}" for note in grid.notes)]).rstrip() + "\n"


def as_html(grid: Grid) -> str:
    """A ``<table>`` with the notes as its caption, to be put into a page."""
    caption = f"<caption>{html.escape('; '.join(grid.notes))}</caption>"
    lines = ["<table>", caption, _line(grid.header, "th"), *(_line(row, "td") for row in grid.rows), "</table>"]
    return "\n".join(lines) + "\n"


def _line(cells: list[str], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"


def _for_markdown(text: str) -> str:
    """One line, with what Markdown or HTML within it would act on escaped."""
    plain = html.escape(" ".join(text.split()), quote=False)
    return "".join(f"\\{letter}" if letter in "\\`*_[]|~#" else letter for letter in plain)


FORMS: dict[str, Callable[[Grid], str]] = {".csv": as_csv, ".md": as_markdown, ".html": as_html}
