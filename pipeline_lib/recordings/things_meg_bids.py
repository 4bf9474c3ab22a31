"""Layout `things-meg-bids`: THINGS-MEG as OpenNeuro shares it (ds004212; data_layouts.md §3).

``<root>/sub-BIGMEG1/ses-01/meg/sub-BIGMEG1_ses-01_task-main_run-01_{meg.ds,events.tsv,channels.tsv,meg.json}``; signals
may also be FIF, as the phantom's are. The event code is ``value``, the number of the image in THINGS.
"""

from collections.abc import Iterable

import pandas as pd

from pipeline_lib.recordings.bids_defects import bids_defects
from pipeline_lib.recordings.bids_files import BidsRun, find_runs
from pipeline_lib.recordings.bids_runs import as_run, onset_samples
from pipeline_lib.recordings.bids_tables import column_of_numbers, event_table, read_tsv
from pipeline_lib.recordings.params import StudyParams
from pipeline_lib.recordings.recording import Defect, Layout, Run

EXPECTED = "ses-01/meg, ses-02/meg, ... with *_task-main_run-01_events.tsv and *_meg.ds or *_meg.fif"
TASKS = ("main",)
COLUMNS = ("trial_type", "value")
SPLITS = {"exp": "train", "test": "test", "catch": "catch"}
# (subject, session, run): seconds from the first sample at which all sensors fail, and for how long.
DROPOUTS = {
    ("sub-BIGMEG1", 11, 5): ((13.4, 0.2),),
    ("sub-BIGMEG2", 10, 3): ((59.8, 0.2),),
}


def runs(study: StudyParams, subject: str) -> list[Run]:
    """The runs of the main task, with the dropouts that the authors of the data found.

    Raises
    ------
    InputError
        If the subject has none.
    """
    found = find_runs(study.root, subject, EXPECTED, TASKS)
    dropouts = [DROPOUTS.get((subject, run.session, run.number), ()) for run in found]
    return [as_run(run, read_events, known, by_sample=True) for run, known in zip(found, dropouts, strict=True)]


def read_events(run: BidsRun) -> pd.DataFrame:
    """The events of a run: ``exp`` is training, catch trials keep their name as split.

    Raises
    ------
    InputError
        Naming file and line of what cannot be an event.
    """
    table = read_tsv(run.events, COLUMNS)
    return event_table(
        table,
        samples=onset_samples(table, run),
        images=column_of_numbers(table, "value"),
        splits=_splits(table, run),
        concepts=table.get("things_category_nr"),
        file=run.events,
    )


def defects(study: StudyParams, subject: str) -> Iterable[Defect]:
    """What is wrong with a subject's files."""
    return bids_defects(study.root / subject, find_runs(study.root, subject, EXPECTED, TASKS), _splits)


def _splits(table: pd.DataFrame, _: BidsRun) -> pd.Series:
    return table["trial_type"].replace(SPLITS)


LAYOUT = Layout(runs, defects)
