"""The images of a study of layout `arrays`: a csv with one row per trial or per image."""

from pathlib import Path, PurePosixPath

import pandas as pd

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.common.stimulus_table import SPLITS, StimulusTable
from pipeline_lib.stimuli.naming import image_id_of, table_of


def read_image_list(path: Path) -> StimulusTable:
    """Read which images there are; they need not exist as files.

    Parameters
    ----------
    path : Path
        Columns ``image`` and ``split`` (``train``, ``test``, or ``center`` for images that serve class centres only),
        optionally ``concept``; others are ignored. Rows may repeat an image, as those of a subject's ``trials.csv``
        do: the first counts. An image without a concept is a concept of its own, named by its id.

    Returns
    -------
    StimulusTable
        Event codes count the images of a split in the order of their first rows.

    Raises
    ------
    InputError
        If the file is no such csv, or an image is in two splits or has two concepts.
    """
    trials = _read_csv(path)
    files = trials["image"].map(_as_posix)
    if blank := (trials.index[trials["image"].str.strip() == ""] + 1).tolist():
        raise InputError(f"{path}: column image is empty in rows {listed(blank)} after the header")
    rows = pd.DataFrame({"file": files, "concept": trials["concept"], "split": trials["split"].str.strip()})
    for split in set(rows["split"]) - set(SPLITS):
        raise bad_value("split", split, SPLITS, where=str(path))
    _check_one_value(rows, "split", path)
    _check_one_value(rows[rows["concept"].str.strip() != ""], "concept", path)
    images = rows.drop_duplicates("file")
    named = rows[rows["concept"].str.strip() != ""].set_index("file")["concept"].to_dict()
    concepts = [named.get(file, image_id_of(file)) for file in images["file"]]
    return table_of(images.assign(concept=concepts), where=str(path))


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        trials = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # not there, not UTF-8, empty, or not a table
        raise InputError(f"{path}: cannot be read as a csv file ({error}); study.stimuli must name one") from None
    if missing := [name for name in ("image", "split") if name not in trials]:
        raise InputError(f"{path}: columns are missing: {listed(missing)}; it has: {listed(trials.columns)}")
    if not isinstance(trials.index, pd.RangeIndex):  # pandas takes the first columns for names of the rows
        raise InputError(f"{path}: rows have more fields than the header; put quotes around fields that hold commas")
    concept = trials["concept"].str.replace(r"\r\n?", "\n", regex=True) if "concept" in trials else ""
    return trials.assign(concept=concept)


def _as_posix(file: str) -> str:
    return str(PurePosixPath(file.strip().replace("\\", "/")))


def _check_one_value(rows: pd.DataFrame, column: str, path: Path) -> None:
    values = rows.drop_duplicates(["file", column])
    if doubled := values.loc[values["file"].duplicated(), "file"].tolist():
        raise InputError(f"{path}: images have more than one {column}: {listed(doubled)}; each must have one")
