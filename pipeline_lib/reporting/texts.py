"""Tables of the report that are no figures: accuracies, captions, settings."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline_lib.captioning.table import CaptionTable
from pipeline_lib.retrieval.metrics import TOP_K
from pipeline_lib.retrieval.table import percent

UNBROKEN = "\N{NO-BREAK SPACE}"
RANKS = {"mrr": "MRR", "median_rank": "median rank"}


def metrics_rows(details: list[dict[str, Any]]) -> pd.DataFrame:
    """One row for each protocol, gallery and direction: accuracies with sd over seeds and interval, chance and p.

    Chance is that of top-1, top-5 and top-10.

    Parameters
    ----------
    details : list of dict
        From ``metrics/retrieval.json``.
    """
    return pd.DataFrame([_metrics_row(row) for row in details])


def captions_sample(captions: CaptionTable, count: int) -> pd.DataFrame:
    """At most `count` rows of the caption table, evenly spread over it."""
    rows = np.unique(np.linspace(0, len(captions) - 1, min(count, len(captions))).round().astype(int))
    columns = ["image_id", "source", "model", "prompt", "text"]
    return captions.frame.iloc[rows][columns].rename(columns={"text": "caption"})


def settings_rows(settings: Mapping[str, Any]) -> pd.DataFrame:
    """Every parameter and its value, as params.yaml has them."""
    return pd.DataFrame([*_leaves(settings)], columns=["parameter", "value"])


def _metrics_row(row: Mapping[str, Any]) -> dict[str, Any]:
    top = {f"top-{k} %": _accuracy(row, f"top{k}") for k in TOP_K}
    ranks = {title: _short(row[name]) + _interval(row, name, _short) for name, title in RANKS.items()}
    return {
        **{name: row[name] for name in ("protocol", "gallery", "direction")},
        **top,
        **ranks,
        "chance %": " · ".join(percent(row["chance"][f"top{k}"]) for k in TOP_K),
        "p": "" if row["p"] is None else f"{row['p']:.2g}",
        "queries": f"{row['queries']} among {row['gallery_size']}",
        "runs": f"{_counted(row['subjects'], 'subject')} × {_counted(row['seeds'], 'seed')}",
    }


def _accuracy(row: Mapping[str, Any], name: str) -> str:
    spread = f" ± {percent(row['sd'][name])}" if row["sd"] else ""
    return f"{percent(row[name])}{spread}{_interval(row, name, percent)}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _short(value: float) -> str:
    return f"{value:.3g}"


def _interval(row: Mapping[str, Any], name: str, write: Callable[[float], str]) -> str:
    if not row["interval"]:
        return ""
    low, high = row["interval"][name]
    return f"\n[{write(low)},{UNBROKEN}{write(high)}]"


def _leaves(settings: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(settings, Mapping) and settings:
        for key, value in settings.items():
            yield from _leaves(value, f"{name}.{key}" if name else str(key))
    elif isinstance(settings, list):
        yield name, ", ".join(map(_written, settings)) or "[]"
    else:
        yield name, _written(settings)


def _written(value: Any) -> str:
    known = {None: "null", True: "true", False: "false"}
    return known[value] if value is None or isinstance(value, bool) else str(value)
