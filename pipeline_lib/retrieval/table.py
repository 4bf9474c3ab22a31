"""The retrieval table, as people read it."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

WIDTH = 120


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
    table = Table(title=title or None, title_justify="left")
    for label in labels:
        table.add_column(label, no_wrap=True)
    for column in ("top-1 %  [95 %]", "top-5 %", "top-10 %", "MRR", "mAP", "median rank", "chance %", "n", "p"):
        table.add_column(column, justify="right", no_wrap=column not in ("median rank", "chance %"))
    for row in rows:
        table.add_row(*(str(row[label]) for label in labels), *_figures(row))
    return table


def print_table(table: Table) -> None:
    """Print to standard output, :data:`WIDTH` characters wide where that is no terminal."""
    console = Console()
    (console if console.is_terminal else Console(width=WIDTH)).print(table)


def _figures(row: dict[str, Any]) -> tuple[str, ...]:
    top1 = percent(row["top1"])
    if row["sd"]:
        top1 += f" ± {percent(row['sd']['top1'])}"
    if row["interval"]:
        low, high = row["interval"]["top1"]
        top1 += f" [{percent(low)}, {percent(high)}]"
    p = "-" if row["p"] is None else f"{row['p']:.2g}"
    ranks = (f"{row['mrr']:.3f}", f"{row['map']:.3f}", f"{row['median_rank']:g}")
    return (
        top1,
        percent(row["top5"]),
        percent(row["top10"]),
        *ranks,
        percent(row["chance"]["top1"]),
        str(row["gallery_size"]),
        p,
    )


def percent(share: float) -> str:
    """``"42.3"`` for 0.423."""
    return f"{100 * share:.1f}"
