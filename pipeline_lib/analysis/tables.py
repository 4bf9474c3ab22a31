"""The analyses by name: each makes a table of an opened run, and the tables of all runs are one csv file."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from pipeline_lib.analysis.context import Context
from pipeline_lib.analysis.ranked import ranked
from pipeline_lib.common.outputs import written_whole
from pipeline_lib.retrieval.opened_runs import OpenedRun

Analysis = Callable[[OpenedRun, Context], pd.DataFrame]

ANALYSES: dict[str, Analysis] = {
    "ranked": ranked,
}
RUN_COLUMNS = ("protocol", "subject", "seed")


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


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as csv, whole or not at all."""
    with written_whole(path) as unfinished:
        table.to_csv(unfinished, index=False, float_format="%.6g", lineterminator="\n")


def _named(table: pd.DataFrame, run: OpenedRun) -> pd.DataFrame:
    named = table.copy()
    for place, column in enumerate(RUN_COLUMNS):
        named.insert(place, column, getattr(run, column))
    return named
