"""The images of THINGS-MEG: which events are training and test, and which picture each event code stands for."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import pandas as pd

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.common.stimulus_table import SPLITS, StimulusTable
from pipeline_lib.recordings.bids_files import runs_of_study
from pipeline_lib.recordings.params import StudyParams
from pipeline_lib.recordings.recording import PARTITIONS
from pipeline_lib.recordings.things_meg_bids import TASKS, read_events
from pipeline_lib.stimuli.image_set import check_files
from pipeline_lib.stimuli.image_tables import as_posix, read_csv
from pipeline_lib.stimuli.naming import concept_of, image_id_of, table_of
from pipeline_lib.stimuli.zero_shot import without_tested_concepts

CODE, IMAGE, FOLDER = "Event_ID", "Image", "Category_Prefix"  # as in the table that comes with THINGS-MEG
NAMES_FILE = f"a csv file with the columns {CODE} (`value` of events.tsv), {FOLDER} (00001_aardvark) and {IMAGE}"
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
        ``sourcedata`` with columns ``Event_ID``, ``Category_Prefix`` and ``Image``.

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
    codes = _codes(images["value"], path)
    return pd.DataFrame(
        {
            "file": files,
            "concept": concept.where(concept != "", files.map(_concept_by_folder)),
            "split": splits,
            "event_code": codes,
        }
    )


def _of_folder(root: Path, images: Path) -> pd.DataFrame:
    names, file = _picture_names(root)
    split_of = _splits_of_codes(root)
    if unnamed := [code for code in split_of if code not in names.index]:
        raise InputError(f"{file}: column {CODE} lacks event codes that were shown: {listed(unnamed)}")
    shown = names.loc[sorted(split_of)]
    folders = shown[FOLDER].str.strip()
    candidates = folders + "/" + shown[IMAGE], folders.map(_without_number) + "/" + shown[IMAGE]
    return pd.DataFrame(
        {
            "file": _first_that_exists(candidates, images),
            "concept": folders.map(concept_of),
            "split": [split_of[code] for code in shown.index],
            "event_code": shown.index,
        }
    ).reset_index(drop=True)


def _splits_of_codes(root: Path) -> dict[int, str]:
    """Split of each event code that any subject was shown."""
    events = pd.concat([read_events(run)[["image", "split"]] for run in runs_of_study(root, TASKS)])
    pairs = events[events["split"].isin(PARTITIONS)].drop_duplicates()
    if twice := sorted(pairs.loc[pairs["image"].duplicated(), "image"]):
        raise InputError(f"{root}: event codes are of both exp and test: {listed(twice)}; each must be of one")
    if not len(pairs):
        raise InputError(f"{root}: no events of exp or test; study.stimuli must be THINGS-MEG's root folder")
    return dict(zip(pairs["image"].tolist(), pairs["split"], strict=True))


def _picture_names(root: Path) -> tuple[pd.DataFrame, Path]:
    """The rows of the csv file that names pictures, by event code, and that file."""
    files = [file for place in WHERE_LOOKED for file in sorted((root / place).glob("[!.]*.csv")) if file.is_file()]
    named = [file for file in files if {CODE, FOLDER, IMAGE} <= set(_header(file))]
    if len(named) != 1:
        found = f"several name them: {listed(named)}; keep one" if named else f"put {NAMES_FILE} there"
        raise InputError(f"{root}: which picture does an event code stand for? {found}, or name a csv in study.stimuli")
    table = read_csv(named[0], (CODE, FOLDER, IMAGE))
    table.index = pd.Index(_codes(table[CODE], named[0]))
    if table.index.has_duplicates:
        raise InputError(f"{named[0]}: {CODE} stands there twice: {listed(table.index[table.index.duplicated()])}")
    return table.assign(**{IMAGE: table[IMAGE].str.strip()}), named[0]


def _header(file: Path) -> list[str]:
    with file.open(encoding="utf-8-sig", errors="replace") as stream:
        return [name.strip().strip('"') for name in stream.readline(10_000).split(",")]


def _codes(column: pd.Series, path: Path) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = ~((numbers == numbers.round()) & (numbers > 0) & (numbers < 2**53))
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise bad_value(f"{column.name} of row {row + 1}", column.iloc[row], "a whole number from 1", where=str(path))
    return numbers.astype(int)


def _first_that_exists(candidates: Iterable[pd.Series], images: Path) -> pd.Series:
    """The way of naming files by which the first of them exists."""
    candidates = list(candidates)
    for files in candidates:
        if (images / files.iloc[0]).is_file():
            return files
    tried = listed(files.iloc[0] for files in candidates)
    raise InputError(f"{images}: holds none of {tried}; study.images must be the folder of THINGS' concepts")


def _without_number(folder: str) -> str:
    return folder.lstrip("0123456789").removeprefix("_")


def _concept_by_folder(file: str) -> str:
    folder = PurePosixPath(file).parent.name
    return concept_of(folder) if folder else image_id_of(file)
