"""The images of a study of layout `arrays` or `bids`: a csv with a row per trial or image, or the events of BIDS."""

from pathlib import Path

import pandas as pd

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.common.stimulus_table import SPLITS, StimulusTable
from pipeline_lib.recordings.bids import EXPECTED, read_picture_table
from pipeline_lib.recordings.bids_files import find_runs, runs_of_study
from pipeline_lib.recordings.bids_tables import MISSING
from pipeline_lib.recordings.params import StudyParams
from pipeline_lib.recordings.recording import PARTITIONS
from pipeline_lib.stimuli.image_tables import as_posix, check_one_value, read_csv
from pipeline_lib.stimuli.naming import concept_of, image_id_of, table_of
from pipeline_lib.stimuli.zero_shot import without_tested_concepts


def read_image_list(path: Path, *, closed_set: bool) -> StimulusTable:
    """Read which images there are; they need not exist as files.

    Parameters
    ----------
    path : Path
        Columns ``image`` and ``split`` (``train``, ``test``, or ``center`` for images that serve class centres only),
        optionally ``concept``; others are ignored. Rows may repeat an image, as those of a subject's ``trials.csv``
        do: the first counts. An image without a concept is a concept of its own, named by its id.
    closed_set : bool
        See :func:`~pipeline_lib.stimuli.zero_shot.without_tested_concepts`.

    Returns
    -------
    StimulusTable
        Event codes count the images of a split in the order of their first rows.

    Raises
    ------
    InputError
        If the file is no such csv, or an image is in two splits or has two concepts.
    """
    trials = _read_trials(path)
    if blank := (trials.index[trials["image"].str.strip() == ""] + 1).tolist():
        raise InputError(f"{path}: column image is empty in rows {listed(blank)} after the header")
    files = trials["image"].map(as_posix)
    rows = pd.DataFrame({"file": files, "concept": trials["concept"], "split": trials["split"].str.strip()})
    for split in set(rows["split"]) - set(SPLITS):
        raise bad_value("split", split, SPLITS, where=str(path))
    return _table_of_trials(rows, closed_set=closed_set, where=str(path))


def read_bids_images(study: StudyParams) -> StimulusTable:
    """The images that the events of a BIDS study name.

    Parameters
    ----------
    study : StudyParams
        `stimuli` is the study's root folder, for all subjects, or one subject's folder; `bids` names the columns.
        Without a column of concepts the folder of an image is its concept.

    Returns
    -------
    StimulusTable
        Event codes count the images of a split by name.

    Raises
    ------
    InputError
        If events cannot be read or are all of one split, or an image is in two splits or has two concepts.
    """
    stimuli = study.stimuli
    whole = any(stimuli.glob("sub-*")) or not stimuli.name.startswith("sub-")
    tasks = study.bids.task and [study.bids.task]
    runs = runs_of_study(stimuli, tasks) if whole else find_runs(stimuli.parent, stimuli.name, EXPECTED, tasks)
    trials = pd.concat([read_picture_table(run, study.bids) for run in runs])
    _check_words(trials["split"], study)
    shown = trials[trials["split"].isin(PARTITIONS)]
    concept = shown["concept"].where(shown["concept"] != MISSING, "")
    if study.bids.concept is None:
        concept = concept.map(lambda folder: concept_of(folder) if folder else "")
    rows = pd.DataFrame({"file": shown["image"].map(as_posix), "concept": concept, "split": shown["split"]})
    return _table_of_trials(rows.sort_values("file"), closed_set=study.closed_set, where=str(stimuli))


def _check_words(splits: pd.Series, study: StudyParams) -> None:
    """Refuse a study that calls its splits something else."""
    words = sorted(set(splits))
    if absent := [split for split in PARTITIONS if split not in words]:
        raise InputError(
            f"{study.stimuli}: no event is of split {listed(absent)}; column {study.bids.split} holds: {listed(words)}"
            "; write train and test there, or name another column in study.bids.split"
        )


def _table_of_trials(rows: pd.DataFrame, *, closed_set: bool, where: str) -> StimulusTable:
    """From one row per trial, with columns file, concept (perhaps empty) and split."""
    check_one_value(rows, "split", where)
    named = rows[rows["concept"].str.strip() != ""]
    check_one_value(named, "concept", where)
    concept_by_file = named.set_index("file")["concept"].to_dict()
    images = rows.drop_duplicates("file")
    concepts = [concept_by_file.get(file, image_id_of(file)) for file in images["file"]]
    images = without_tested_concepts(images.assign(concept=concepts), closed_set=closed_set, where=where)
    return table_of(images, where=where)


def _read_trials(path: Path) -> pd.DataFrame:
    trials = read_csv(path, ("image", "split"))
    concept = trials["concept"].str.replace(r"\r\n?", "\n", regex=True) if "concept" in trials else ""
    return trials.assign(concept=concept)
