"""The analyses by name: each makes a table of an opened run, and the tables of all runs are one csv file."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pandas as pd

from pipeline_lib.analysis.attribution import attribution
from pipeline_lib.analysis.concepts import categories, concepts, confusions
from pipeline_lib.analysis.context import Context
from pipeline_lib.analysis.notes import notes
from pipeline_lib.analysis.projection import projection
from pipeline_lib.analysis.ranked import ranked
from pipeline_lib.analysis.regions import early_regions, regions
from pipeline_lib.analysis.similarity import similarity
from pipeline_lib.analysis.time_windows import time_windows
from pipeline_lib.analysis.topographies import topographies
from pipeline_lib.common.outputs import written_whole
from pipeline_lib.retrieval.opened_runs import OpenedRun

Analysis = Callable[[OpenedRun, Context], pd.DataFrame]

ANALYSES: dict[str, Analysis] = {
    "time_windows": time_windows,
    "regions": regions,
    "early_regions": early_regions,
    "concepts": concepts,
    "confusions": confusions,
    "categories": categories,
    "topographies": topographies,
    "attribution": attribution,
    "similarity": similarity,
    "projection": projection,
    "notes": notes,
    "ranked": ranked,
}
RUN_COLUMNS = ("protocol", "subject", "seed")
PLOTTED = {"time_windows": ("kind", "start", "stop"), "regions": ("kind", "region", "n_channels")}


def analysis_tables(runs: Iterable[OpenedRun], context: Context) -> dict[str, pd.DataFrame]:
    """Every analysis of every run.

    Returns
    -------
    dict of str to DataFrame
        By the name of the analysis; the first columns say of which run a row is.
    """
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in ANALYSES}
    for run in runs:
        for name, analysis in ANALYSES.items():
            parts[name].append(_named(analysis(run, context), run))
    return {name: pd.concat(found, ignore_index=True) for name, found in parts.items() if found}


def over_runs(table: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The mean over subjects and seeds of every other column, by protocol and `keys`, in the order of the table."""
    columns = [name for name in table if name not in RUN_COLUMNS]
    by = ["protocol", *keys]
    return table[["protocol", *columns]].groupby(by, sort=False, dropna=False).mean().reset_index()


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as csv, whole or not at all."""
    with written_whole(path) as unfinished:
        table.to_csv(unfinished, index=False, float_format="%.6g", lineterminator="\n")


def _named(table: pd.DataFrame, run: OpenedRun) -> pd.DataFrame:
    named = table.copy()
    for place, column in enumerate(RUN_COLUMNS):
        named.insert(place, column, getattr(run, column))
    return named
