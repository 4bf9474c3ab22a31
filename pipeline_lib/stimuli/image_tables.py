"""Csv files that name images: read whole, as text, or refused."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pandas as pd

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.common.text_tables import read_text_table


def read_csv(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A csv file that ``study.stimuli`` names, as :func:`~pipeline_lib.common.text_tables.read_text_table` reads it."""
    return read_text_table(path, columns, cure="study.stimuli must name what names the images")


def as_posix(file: str) -> str:
    """A path as written by whatever system, with ``/`` between folders."""
    return str(PurePosixPath(file.strip().replace("\\", "/")))


def whole_numbers(column: pd.Series, path: Path) -> pd.Series:
    """A column of text as int; floats (``7.0``) may write them.

    Raises
    ------
    InputError
        Naming the first row whose value is no whole number from 1.
    """
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = ~((numbers == numbers.round()) & (numbers > 0) & (numbers < 2**53))
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise bad_value(f"{column.name} of row {row + 1}", column.iloc[row], "a whole number from 1", where=str(path))
    return numbers.astype(int)


def check_one_value(rows: pd.DataFrame, column: str, where: str) -> None:
    """Refuse images (column ``file``) that have more than one value in another column.

    Raises
    ------
    InputError
        Naming the images.
    """
    values = rows.drop_duplicates(["file", column])
    if doubled := values.loc[values["file"].duplicated(), "file"].unique().tolist():
        raise InputError(f"{where}: images have more than one {column}: {listed(doubled)}; each must have one")
