"""The table of a comparison, as people read it."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from pipeline_lib.retrieval.comparison import Comparison
from pipeline_lib.retrieval.table import percent

TITLES = {"top1": "top-1 %", "top5": "top-5 %", "mrr": "MRR"}
LEFT, RIGHT = ("protocol", "gallery", "measure", "experiment"), ("value", "difference [95 %]", "p", "p (Holm)")


def render(found: Comparison) -> Table:
    """A line per protocol, gallery, measure and system; what repeats stands there once."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for column in LEFT:
        table.add_column(column, no_wrap=True)
    for column in RIGHT:
        table.add_column(column, justify="right", no_wrap=True)
    before = ["", "", ""]
    for row in found.rows.to_dict("records"):
        labels = [row["protocol"], f"{row['gallery']} ({row['gallery_size']})", TITLES[row["measure"]]]
        if before[0] and labels[:2] != before[:2]:
            table.add_section()
        new = next((place for place in range(3) if labels[place] != before[place]), 3)
        shown = ["", "", ""][:new] + labels[new:]
        table.add_row(*map(Text, (*shown, row["system"], *_figures(row))))
        before = labels
    return table


def said(found: Comparison) -> list[str]:
    """What has to be known to read the table."""
    rows, tested = found.rows, int(found.rows["p"].notna().sum())
    several = f"; p (Holm): corrected for the {tested} tests of this table" if tested > 1 else ""
    return [
        f"differences to {rows['system'].iloc[0]!r}, of % in points; each image's value is the mean over subjects and "
        "seeds",
        *_counts(rows),
        f"interval: paired bootstrap over images; p: paired permutation test by sign flips over images{several}",
        "both speak of other images for these trained models, not of other seeds or people",
        *found.notes,
    ]


def _counts(rows: pd.DataFrame) -> Iterator[str]:
    """Images, people, seeds and chance of each protocol and gallery."""
    for (protocol, gallery), part in rows.groupby(["protocol", "gallery"], sort=False):
        seeds = part.drop_duplicates("system").set_index("system")["seeds"]
        of_each = f"{seeds.iloc[0]}" if seeds.nunique() == 1 else "/".join(map(str, seeds))
        chance = part.drop_duplicates("measure").set_index("measure")["chance"]
        levels = f"{percent(chance['top1'])} / {percent(chance['top5'])} %, MRR {chance['mrr']:.3f}"
        first = part.iloc[0]
        yield (
            f"{protocol} {gallery}: {first['images']} images, subjects {first['subjects']}, seeds {of_each}; "
            f"chance {levels}"
        )


def _figures(row: dict[str, Any]) -> tuple[str, ...]:
    share = row["measure"] != "mrr"
    value = percent(row["value"]) if share else f"{row['value']:.3f}"
    if pd.isna(row["p"]):
        return value, "baseline", "", ""
    shift, low, high = (
        f"{100 * row[name]:+.1f}" if share else f"{row[name]:+.3f}" for name in ("difference", "low", "high")
    )
    return value, f"{shift} [{low}, {high}]", f"{row['p']:.2g}", f"{row['p_holm']:.2g}"
