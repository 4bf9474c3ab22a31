"""Csv files that name images: read whole, as text, or refused."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pandas as pd

from pipeline_lib.common.errors import InputError, bad_value, listed


def read_csv(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read a csv file as text.

    Parameters
    ----------
    path : Path
        UTF-8, with or without byte order mark.
    columns : sequence of str
        What it must have.

    Raises
    ------
    InputError
        If it is no such file; names the columns that are missing and those it has.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # not there, not UTF-8, empty, or not a table
        raise InputError(f"{path}: cannot be read as a csv file ({error}); study.stimuli must name one") from None
    if missing := [name for name in columns if name not in table]:
        raise InputError(f"{path}: columns are missing: {listed(missing)}; it has: {listed(table.columns, most=20)}")
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes the first columns for names of the rows
        raise InputError(f"{path}: rows have more fields than the header; put quotes around fields that hold commas")
    return table.fillna("")


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
