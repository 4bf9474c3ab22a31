"""Events that the user names in a table: events.tsv of BIDS, or any csv with onsets and, perhaps, images."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError, did_you_mean, listed
from pipeline_lib.recordings.bids_tables import MISSING, read_tsv

CODE_COLUMN = "event_code"
IMAGE_COLUMNS = ("image", "file_path", "stim_file", "image_id", CODE_COLUMN)
ONSET_COLUMNS = ("onset", "sample")
LARGEST = 2**53


def read_events(
    file: Path, sfreq: float | None, image_column: str | None = None, *, coded: bool = True
) -> tuple[pd.DataFrame, bool]:
    """Read a table of events.

    Parameters
    ----------
    file : Path
        A csv or, by its ending, tsv with a header. ``onset`` counts seconds from the first sample of the recording, as
        in BIDS; without it ``sample`` counts samples. Rows whose onset or image is ``n/a`` are left out.
    sfreq : float or None
        Of the recording, Hz. None: of trials that are cut already; onsets are not read, row i belongs to trial i.
    image_column : str or None
        The column that names the image or holds its event code. None takes the first of :data:`IMAGE_COLUMNS` that is
        there, if any.
    coded : bool
        Whole numbers are event codes, whatever their column is called. False: only in a column ``event_code``, and
        images may be called by numbers. Defaults to True.

    Returns
    -------
    events : DataFrame
        ``onset`` (sample, or number of the trial) and ``word`` (event code, or name; without such a column empty), in
        order of time.
    named : bool
        The words are names of images.

    Raises
    ------
    InputError
        If the table cannot be read or lacks a column, or an onset is no number; names the line.
    """
    table = _read(file)
    column = _image_column(table, image_column, file)
    onset = pd.Series(np.arange(float(len(table))), table.index) if sfreq is None else _samples(table, sfreq, file)
    words = table[column] if column else pd.Series("", table.index)
    told = onset.notna() & (words != MISSING)
    events = pd.DataFrame({"onset": onset[told].round().astype(np.int64), "word": words[told]})
    if not len(events):
        raise InputError(f"{file}: holds no events with an onset{' and an image' if column else ''}")
    numbers = pd.to_numeric(events["word"], errors="coerce") if coded or column == CODE_COLUMN else None
    if by_code := column is not None and numbers is not None and bool((numbers == numbers.round()).all()):
        events["word"] = numbers.astype(np.int64)
    return events.sort_values("onset", kind="stable").reset_index(drop=True), bool(column) and not by_code


def _read(file: Path) -> pd.DataFrame:
    """As text, its index the lines of the file."""
    if file.suffix.lower() == ".tsv":
        return read_tsv(file)
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True)
    except (OSError, ValueError) as error:  # not there, not UTF-8, empty, or not a table
        raise InputError(f"{file}: cannot be read as a table of events ({error})") from None
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes the first columns for names of the rows
        raise InputError(f"{file}: rows have more fields than the header; put quotes around fields that hold commas")
    table.index = pd.RangeIndex(2, len(table) + 2)
    return table.apply(lambda column: column.str.strip()).replace({"": MISSING, "N/A": MISSING})


def _image_column(table: pd.DataFrame, wanted: str | None, file: Path) -> str | None:
    if wanted is not None and wanted not in table:
        hint = did_you_mean(wanted, table.columns)
        raise InputError(
            f"{file}: has no column {wanted!r}, but: {listed(table.columns, most=20)}; {hint}".rstrip("; ")
        )
    return wanted or next((name for name in IMAGE_COLUMNS if name in table), None)


def _samples(table: pd.DataFrame, sfreq: float, file: Path) -> pd.Series:
    """The sample of each event; NaN where the table says n/a."""
    column = next((name for name in ONSET_COLUMNS if name in table), None)
    if column is None:
        raise InputError(
            f"{file}: has neither a column onset (seconds) nor sample; it has: "
            f"{listed(table.columns, most=20)}; a csv has commas between its columns, a tsv has tabs"
        )
    numbers = pd.to_numeric(table[column].where(table[column] != MISSING), errors="coerce").astype(float)
    samples = numbers * (sfreq if column == "onset" else 1.0)
    wrong = (table[column] != MISSING) & ~(samples.abs() < LARGEST)
    if wrong.any():
        line = table.index[wrong.to_numpy()][0]
        raise InputError(f"{file}, line {line}: {column} is {table.loc[line, column]!r}, allowed: a number or n/a")
    return samples
