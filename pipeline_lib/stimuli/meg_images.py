"""The images of THINGS-MEG: which events are training and test, and which picture each event code stands for."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath

import pandas as pd

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.common.stimulus_table import SPLITS, StimulusTable
from pipeline_lib.recordings.bids_files import runs_of_study
from pipeline_lib.recordings.params import StudyParams
from pipeline_lib.recordings.recording import PARTITIONS
from pipeline_lib.recordings.things_meg_bids import TASKS, read_events
from pipeline_lib.stimuli.image_set import check_files
from pipeline_lib.stimuli.image_tables import as_posix, read_csv, whole_numbers
from pipeline_lib.stimuli.meg_attributes import RunEvents, attribute_files, concept_folder, picture_paths
from pipeline_lib.stimuli.naming import concept_of, image_id_of, table_of
from pipeline_lib.stimuli.zero_shot import without_tested_concepts

CODE, IMAGE, FOLDER = "Event_ID", "Image", "Category_Prefix"  # as in the table that comes with THINGS-MEG
NAMES_FILE = f"a csv file with the columns {CODE} (`value` of events.tsv), {FOLDER} (00001_aardvark) and {IMAGE}"
PATH = "image_path"
TRIALS_FILES = "sourcedata/sample_attributes_P1.csv (and so on) of OpenNeuro's ds004212"
WHERE_LOOKED = ("", "sourcedata")


def read_meg_images(study: StudyParams) -> StimulusTable:
    """The stimulus table of THINGS-MEG; the event code is the number of the picture in THINGS.

    Training shows 12 pictures of every test concept, too. These become ``center`` unless `study.closed_set`, and keep
    their event codes.

    Parameters
    ----------
    study : StudyParams
        `stimuli` is a csv file with columns ``value``, ``image`` (file below `images`), ``split`` (train, test, center)
        and perhaps ``concept`` (else the folder of the image), or the root folder of the study in BIDS: then the
        splits are those of its events, and the pictures' names come from a csv file in that folder or its
        ``sourcedata`` with columns ``Event_ID``, ``Category_Prefix`` and ``Image`` or, where there is none, from
        ``sample_attributes_P*.csv`` (:mod:`~pipeline_lib.stimuli.meg_attributes`).

    Raises
    ------
    InputError
        If something is missing or contradicts itself.
    """
    where = str(study.stimuli)
    rows = _of_folder(study.stimuli, study.images) if study.stimuli.is_dir() else _of_list(study.stimuli)
    table = table_of(without_tested_concepts(rows, closed_set=study.closed_set, where=where), where=where)
    check_files(table, study.images)
    return table


def _of_list(path: Path) -> pd.DataFrame:
    images = read_csv(path, ("value", "image", "split"))
    files, splits = images["image"].map(as_posix), images["split"].str.strip()
    for split in set(splits) - set(SPLITS):
        raise bad_value("split", split, SPLITS, where=str(path))
    concept = images["concept"].str.strip() if "concept" in images else pd.Series("", index=images.index)
    codes = whole_numbers(images["value"], path)
    return pd.DataFrame(
        {
            "file": files,
            "concept": concept.where(concept != "", files.map(_concept_by_folder)),
            "split": splits,
            "event_code": codes,
        }
    )


def _of_folder(root: Path, images: Path) -> pd.DataFrame:
    sources = _files_of_names(root)
    events = [(run, read_events(run)) for run in runs_of_study(root, TASKS)]
    split_of = _splits_of_codes(events, root)
    names = _names_by_table(sources, split_of) if isinstance(sources, Path) else _names_by_trials(sources, events)
    shown = names.loc[sorted(split_of)]
    return pd.DataFrame(
        {
            "file": _first_that_exists(_candidates(shown, images), images),
            "concept": shown[FOLDER].map(concept_of),
            "split": [split_of[code] for code in shown.index],
            "event_code": shown.index,
        }
    ).reset_index(drop=True)


def _splits_of_codes(events: Sequence[RunEvents], root: Path) -> dict[int, str]:
    """Split of each event code that any subject was shown."""
    shown = pd.concat([frame[["image", "split"]] for _, frame in events])
    pairs = shown[shown["split"].isin(PARTITIONS)].drop_duplicates()
    if twice := sorted(pairs.loc[pairs["image"].duplicated(), "image"]):
        raise InputError(f"{root}: event codes are of both exp and test: {listed(twice)}; each must be of one")
    if not len(pairs):
        raise InputError(f"{root}: no events of exp or test; study.stimuli must be THINGS-MEG's root folder")
    return dict(zip(pairs["image"].tolist(), pairs["split"], strict=True))


def _files_of_names(root: Path) -> Path | dict[int, Path]:
    """The csv file that names pictures by event code or, without one, the tables of trials of participants."""
    folders = [root / place for place in WHERE_LOOKED]
    files = [file for folder in folders for file in sorted(folder.glob("[!.]*.csv")) if file.is_file()]
    named = [file for file in files if {CODE, FOLDER, IMAGE} <= set(_header(file))]
    if len(named) == 1:
        return named[0]
    if not named and (of_trials := attribute_files(folders)):
        return of_trials
    found = f"several name them: {listed(named)}; keep one" if named else f"put {NAMES_FILE} there, or {TRIALS_FILES}"
    raise InputError(f"{root}: which picture does an event code stand for? {found}, or name a csv in study.stimuli")


def _names_by_table(file: Path, codes: Collection[int]) -> pd.DataFrame:
    """Folder and image of pictures by event code."""
    table = read_csv(file, (CODE, FOLDER, IMAGE))
    table.index = pd.Index(whole_numbers(table[CODE], file))
    if table.index.has_duplicates:
        raise InputError(f"{file}: {CODE} stands there twice: {listed(table.index[table.index.duplicated()])}")
    if unnamed := [code for code in sorted(codes) if code not in table.index]:
        raise InputError(f"{file}: column {CODE} lacks event codes that were shown: {listed(unnamed)}")
    return table[[FOLDER, IMAGE]].apply(lambda column: column.str.strip())


def _names_by_trials(files: Mapping[int, Path], events: Sequence[RunEvents]) -> pd.DataFrame:
    """Folder and image of pictures by event code, and the path under which they were shown."""
    paths = picture_paths(files, events)
    names = paths.map(lambda path: PurePosixPath(path).name)
    return pd.DataFrame({FOLDER: paths.map(concept_folder), IMAGE: names, PATH: paths})


def _header(file: Path) -> list[str]:
    with file.open(encoding="utf-8-sig", errors="replace") as stream:
        return [name.strip().strip('"') for name in stream.readline(10_000).split(",")]


def _candidates(names: pd.DataFrame, images: Path) -> list[pd.Series]:
    """Where below study.images the pictures may lie."""
    given = [names[PATH]] if PATH in names else []
    plain = names[FOLDER].map(_without_number)
    numbered = {_without_number(path.name): path.name for path in images.glob("[0-9]*_*") if path.is_dir()}
    folders = names[FOLDER], plain, plain.map(lambda folder: numbered.get(folder, folder))
    return [*given, *(folder + "/" + names[IMAGE] for folder in folders)]


def _first_that_exists(candidates: Sequence[pd.Series], images: Path) -> pd.Series:
    """For each picture the first file that is there, for one that is nowhere that in the place usual for the others."""
    rows = list(zip(*candidates, strict=True))
    there = [next((way for way, file in enumerate(row) if os.path.isfile(images / file)), None) for row in rows]
    found = [way for way in there if way is not None]
    if not found:
        tried = listed(dict.fromkeys(rows[0]))
        raise InputError(f"{images}: holds none of {tried}; study.images must be the folder of THINGS' concepts")
    usual = max(found, key=found.count)
    files = [row[usual if way is None else way] for row, way in zip(rows, there, strict=True)]
    return pd.Series(files, index=candidates[0].index)


def _without_number(folder: str) -> str:
    return folder.lstrip("0123456789").removeprefix("_")


def _concept_by_folder(file: str) -> str:
    folder = PurePosixPath(file).parent.name
    return concept_of(folder) if folder else image_id_of(file)
