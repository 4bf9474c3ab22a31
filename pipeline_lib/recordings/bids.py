"""Layout `bids`: any study of EEG or MEG in BIDS, whose events.tsv name the image file and the split (``study.bids``).

``<root>/sub-01/[ses-01/]{eeg,meg}/sub-01_..._{events.tsv,eeg.vhdr,...}``. By BIDS, ``onset`` counts seconds from the
first sample of the file.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import PurePosixPath

import pandas as pd

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.bids_defects import bids_defects, unused_signals
from pipeline_lib.recordings.bids_files import BidsRun, all_runs, find_runs
from pipeline_lib.recordings.bids_runs import as_run, samples_of_seconds
from pipeline_lib.recordings.bids_tables import MISSING, event_table, read_tsv
from pipeline_lib.recordings.params import BidsParams, StudyParams
from pipeline_lib.recordings.recording import PARTITIONS, Defect, Layout, Run

SPLIT_FOLDERS = ("train", "training", "training_images", "test", "testing", "test_images")
EXPECTED = "eeg or meg (perhaps in ses-01, ses-02, ...) with *_events.tsv and a signal for each"


def runs(study: StudyParams, subject: str) -> list[Run]:
    """The runs of a subject, of task ``study.bids.task`` if that is named.

    Raises
    ------
    InputError
        If the subject has none.
    """
    read = partial(read_events, columns=study.bids)
    return [as_run(run, read) for run in wanted_runs(study, subject)]


def wanted_runs(study: StudyParams, subject: str) -> list[BidsRun]:
    """The files of these runs."""
    return find_runs(study.root, subject, EXPECTED, study.bids.task and [study.bids.task])


def read_events(run: BidsRun, columns: BidsParams) -> pd.DataFrame:
    """The events of a run.

    Parameters
    ----------
    run : BidsRun
        With events.
    columns : BidsParams
        What they are called.

    Raises
    ------
    InputError
        Naming file and line of what cannot be an event, or the column that is missing.
    """
    table = read_picture_table(run, columns)
    return event_table(
        table,
        samples=samples_of_seconds(table, run),
        images=table["image"],
        splits=table["split"],
        concepts=table["concept"],
        file=run.events,
    )


def read_picture_table(run: BidsRun, columns: BidsParams) -> pd.DataFrame:
    """events.tsv with ``image`` (``/`` between folders), ``split`` and ``concept`` (``n/a`` where unknown) added.

    Raises
    ------
    InputError
        Naming the columns that are missing, or the line of a picture trial without an image.
    """
    named = [columns.image, columns.split, *([columns.concept] if columns.concept else [])]
    table = read_tsv(run.events, named, cure="name the columns in study.bids")
    image = table[columns.image].where(table[columns.image] == MISSING, table[columns.image].str.replace("\\", "/"))
    concept = table[columns.concept] if columns.concept else image.map(_folder)
    split = table[columns.split].str.lower()
    if (empty := split.isin(PARTITIONS) & (image == MISSING)).any():
        place = f"{run.events}, line {table.index[empty][0]}"
        cure = "name it, or give the row another split"
        raise InputError(f"{place}: a {split[empty].iloc[0]} trial names no image in column {columns.image}; {cure}")
    return table.assign(image=image, split=split, concept=concept)


def defects(study: StudyParams, subject: str) -> Iterable[Defect]:
    """What is wrong with a subject's files."""
    everything = all_runs(study.root, subject, EXPECTED)
    of_task = [run for run in everything if study.bids.task in (None, run.task)]
    found = bids_defects(study.root / subject, [run for run in of_task if run.events], partial(_splits, study.bids))
    return [*found, *unused_signals(of_task)]


def _folder(image: str) -> str:
    """The folder of an image, unless it is named after a split: then every image would have the same concept."""
    folder = "" if image == MISSING else PurePosixPath(image).parent.name
    return folder if folder and folder.lower() not in SPLIT_FOLDERS else MISSING


def _splits(columns: BidsParams, table: pd.DataFrame, _: BidsRun) -> pd.Series:
    return table[columns.split].str.lower()


LAYOUT = Layout(runs, defects)
