"""How images and concepts are named: the ids by which everything is joined come from here."""

import re
from pathlib import PurePosixPath

import pandas as pd

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.common.stimulus_table import NO_EVENT, StimulusTable, checked_table

# Only these endings are cut off: images of a study that brings its own features may be called anything ("stim.1").
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".jp2")


def image_id_of(file: str) -> str:
    """The id of an image: its path below the image folder, posix, without the ending of an image file."""
    path = PurePosixPath(file.replace("\\", "/"))
    return str(path.with_suffix("") if path.suffix.lower() in SUFFIXES else path)


def concept_of(folder: str) -> str:
    """Readable text of a concept's folder: ``00001_aircraft_carrier`` is "aircraft carrier"."""
    name = re.sub(r"^\d+_", "", folder)
    return " ".join(re.split(r"[_\s-]+", name)).strip() or folder


def table_of(rows: pd.DataFrame, *, where: str) -> StimulusTable:
    """Make a stimulus table of images in the order of their event codes.

    Parameters
    ----------
    rows : DataFrame
        Columns ``file``, ``concept`` and ``split``, one row per image, perhaps ``event_code``. Without that column the
        i-th image of split train or test gets event code i, counted from 1; the images of split center get none.
    where : str
        What names the images, for errors.

    Returns
    -------
    StimulusTable

    Raises
    ------
    InputError
        If a file lies outside the image folder, two files have the same id, or train or test has no images.
    """
    if outside := [file for file in rows["file"] if _leaves_folder(file)]:
        raise InputError(f"{where}: files must lie below study.images, given without it: {listed(outside)}")
    ids = rows["file"].map(image_id_of)
    if doubled := rows.loc[ids.duplicated(keep=False), "file"].tolist():
        raise InputError(f"{where}: an image stands there twice, or two differ only in their ending: {listed(doubled)}")
    for split in ("train", "test"):
        if not (rows["split"] == split).any():
            raise InputError(f"{where}: there are no images of split {split}")
    codes = rows["event_code"] if "event_code" in rows else _counted(rows["split"])
    return checked_table(rows.assign(image_id=ids, event_code=codes), where=where)


def _counted(split: pd.Series) -> pd.Series:
    codes = split.groupby(split).cumcount() + 1
    return codes.where(split != "center", NO_EVENT)


def _leaves_folder(file: str) -> bool:
    path = PurePosixPath(file)
    return path.is_absolute() or ".." in path.parts or not path.parts
