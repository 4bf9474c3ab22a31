"""The retrieval table, as people read it."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table


def render_table(rows: Iterable[dict[str, Any]], *, labels: Sequence[str], title: str = "") -> Table:
    """A table with one line per row: top-1 ± sd over seeds with its interval, top-5, top-10, ranks, chance and p.

    Parameters
    ----------
    rows : iterable of dict
        From :func:`~pipeline_lib.retrieval.summaries.summarise`, with the `labels` besides.
    labels : sequence of str
        Keys that say what a row is; they become the first columns.
    title : str
        Stands above the table.
    """
    table = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for label in labels:
        table.add_column(label, no_wrap=True)
    for column in ("top-1 % [95 %]", "top-5 %", "top-10 %", "MRR", "median", "among", "chance %", "p"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*(str(row[label]) for label in labels), *_figures(row))
    return table


def print_table(table: Table) -> None:
    """Print to standard output, as wide as the table is: a narrow terminal breaks lines, but no figure is cut."""
    console = Console()
    console.width = max(console.width, console.measure(table, options=console.options.update(width=1000)).maximum)
    console.print(table)


def _figures(row: dict[str, Any]) -> tuple[str, ...]:
    top1 = percent(row["top1"])
    if row["sd"]:
        top1 += f" ± {percent(row['sd']['top1'])}"
    if row["interval"]:
        low, high = row["interval"]["top1"]
        top1 += f" [{percent(low)}, {percent(high)}]"
    return (
        top1,
        percent(row["top5"]),
        percent(row["top10"]),
        f"{row['mrr']:.3f}",
        f"{row['median_rank']:.1f}",
        str(row["gallery_size"]),
        percent(row["chance"]["top1"]),
        "-" if row["p"] is None else f"{row['p']:.2g}",
    )


def percent(share: float) -> str:
    """``"42.3"`` for 0.423."""
    return f"{100 * share:.1f}"
