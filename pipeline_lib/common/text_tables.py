"""Csv files that people and programs write: read whole, as text, or refused."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipeline_lib.common.errors import InputError, listed


def read_text_table(path: Path, columns: Sequence[str] = (), *, what: str = "file", cure: str) -> pd.DataFrame:
    """All cells of a csv file as text; nothing is taken for a missing value, and cells that are not there are empty.

    Parameters
    ----------
    path : Path
        UTF-8, with or without byte order mark; tabs stand between the fields where its name ends in ``.tsv``.
    columns : sequence of str
        What it must have. Defaults to nothing.
    what : str
        What it is, for the error where it is missing.
    cure : str
        What to do then.

    Raises
    ------
    InputError
        If it is missing or no such table; names the columns that are missing and those it has.
    """
    separator, between = ("\t", "tabs") if Path(path).suffix == ".tsv" else (",", "commas")
    try:
        table = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"{path}: no such {what}; {cure}") from None
    except (OSError, ValueError) as error:  # not to be read, not UTF-8, empty, or not a table
        raise InputError(f"{path}: not a csv table ({error}); save it as UTF-8 with {between} between fields") from None
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes the first columns for names of the rows
        raise InputError(f"{path}: rows have more fields than the header; put quotes around fields that hold {between}")
    if missing := [name for name in columns if name not in table]:
        raise InputError(f"{path}: columns are missing: {listed(missing)}; it has: {listed(table.columns, most=20)}")
    return table.fillna("")
