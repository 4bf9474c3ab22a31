"""What an analysis has to say where it has no table: a line for the report."""

from collections.abc import Callable

import pandas as pd

from pipeline_lib.analysis.attribution import why_no_attribution
from pipeline_lib.analysis.context import Context
from pipeline_lib.analysis.topographies import why_no_maps
from pipeline_lib.retrieval.opened_runs import OpenedRun

COLUMNS = ("analysis", "note")
REASONS: dict[str, Callable[[OpenedRun, Context], str]] = {
    "topographies": lambda run, context: why_no_maps(run),
    "attribution": why_no_attribution,
}


def notes(run: OpenedRun, context: Context) -> pd.DataFrame:
    """Why analyses of a run are absent: their name and the reason, no row for those that are there."""
    found = [(name, reason(run, context)) for name, reason in REASONS.items()]
    return pd.DataFrame([row for row in found if row[1]], columns=COLUMNS)
