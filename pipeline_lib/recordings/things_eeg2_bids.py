"""Layout `things-eeg2-bids`: THINGS-EEG2 as NEMAR shares it (nm000232; data_layouts.md §2).

``<root>/sub-01/ses-01/eeg/sub-01_ses-01_task-{train_run-01..05,test}_{eeg.bdf,events.tsv,channels.tsv,eeg.json}``.
The column ``value`` counts to 99 over and over: the image is ``tot_img_number``. Runs at rest are left alone.
"""

from collections.abc import Iterable

import pandas as pd

from pipeline_lib.recordings.bids_defects import bids_defects
from pipeline_lib.recordings.bids_files import BidsRun, find_runs
from pipeline_lib.recordings.bids_runs import as_run, onset_samples
from pipeline_lib.recordings.bids_tables import column_of_numbers, event_table, read_tsv
from pipeline_lib.recordings.params import StudyParams
from pipeline_lib.recordings.recording import Defect, Layout, Run

EXPECTED = "ses-01/eeg, ses-02/eeg, ... with *_task-train_run-01_events.tsv, *_task-test_events.tsv and *_eeg.bdf"
TASKS = ("train", "test")
COLUMNS = ("trial_type", "tot_img_number")


def runs(study: StudyParams, subject: str) -> list[Run]:
    """The runs of training and test.

    Raises
    ------
    InputError
        If the subject has none.
    """
    return [as_run(run, read_events, by_sample=True) for run in find_runs(study.root, subject, EXPECTED, TASKS)]


def read_events(run: BidsRun) -> pd.DataFrame:
    """The events of a run; what is no image keeps its ``trial_type`` as split.

    Raises
    ------
    InputError
        Naming file and line of what cannot be an event.
    """
    table = read_tsv(run.events, COLUMNS)
    return event_table(
        table,
        samples=onset_samples(table, run),
        images=column_of_numbers(table, "tot_img_number"),
        splits=_splits(table, run),
        concepts=table.get("category_name"),
        file=run.events,
    )


def defects(study: StudyParams, subject: str) -> Iterable[Defect]:
    """What is wrong with a subject's files."""
    return bids_defects(study.root / subject, find_runs(study.root, subject, EXPECTED, TASKS), _splits)


def _splits(table: pd.DataFrame, run: BidsRun) -> pd.Series:
    return table["trial_type"].where(table["trial_type"] != "image", run.task)


LAYOUT = Layout(runs, defects)
