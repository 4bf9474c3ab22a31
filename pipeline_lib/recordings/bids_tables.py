"""Tables and other sidecars of BIDS: read whatever their line ends and marks, and refused with file and line."""

import io
import json
import re
from collections.abc import Sequence
from csv import QUOTE_NONE
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError, did_you_mean, listed
from pipeline_lib.recordings.bids_files import BidsRun, sidecar
from pipeline_lib.recordings.recording import PARTITIONS
from pipeline_lib.recordings.stubs import CURE, MISSING_FILE, stub_in

BOM = b"\xef\xbb\xbf"
MISSING = "n/a"
NO_IMAGE = 0


def read_tsv(file: Path, columns: Sequence[str] = (), *, cure: str = "") -> pd.DataFrame:
    """Read a table as text.

    Parameters
    ----------
    file : Path
        UTF-8, with or without byte order mark, with any line ends.
    columns : sequence of str
        What it must have. Defaults to nothing.
    cure : str
        What to do where a column is missing. Defaults to nothing but a suggestion.

    Returns
    -------
    DataFrame
        Of str, blanks around values cut off. ``N/A`` and empty fields are ``n/a``; empty lines are left out. The index
        is the line in the file, the header being line 1.

    Raises
    ------
    InputError
        If it is no such table, or lacks a column; names those it has.
    """
    if stub_in(file, parts=False) not in ("", MISSING_FILE):
        raise InputError(f"{file}: a stub, no table; {CURE}")
    table = _read_text_table(file)
    if missing := [name for name in columns if name not in table]:
        found, hint = listed(table.columns, most=20), did_you_mean(missing[0], table.columns)
        advice = "".join(f"; {text}" for text in (cure, hint) if text)
        raise InputError(f"{file}: columns are missing: {listed(missing)}; it has: {found}{advice}")
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes the first columns for names of the rows
        raise InputError(f"{file}: rows have more fields than the header; fields must not hold tabs")
    table.index = pd.RangeIndex(2, len(table) + 2)
    return table.dropna(how="all").fillna(MISSING)


def has_bom(file: Path) -> bool:
    """Whether a text file starts with a UTF-8 byte order mark."""
    try:
        with file.open("rb") as stream:
            return stream.read(len(BOM)) == BOM
    except OSError:  # a link to content that is not here
        return False


def event_table(
    table: pd.DataFrame,
    *,
    samples: pd.Series,
    images: pd.Series,
    splits: pd.Series,
    file: Path,
    concepts: pd.Series | None = None,
) -> pd.DataFrame:
    """What was shown when, in order of time.

    A picture trial that is written twice, equal in every column, is one trial. Rows that are no picture trials are kept
    if they have an onset.

    Parameters
    ----------
    table : DataFrame
        The rows of events.tsv, from :func:`read_tsv`; the other series have its index.
    samples : Series of float
        Onset in samples, NaN where there is none.
    images : Series
        Event code (float) or name of the image (str).
    splits : Series of str
        ``train``, ``test`` or another word.
    file : Path
        For errors.
    concepts : Series of str, optional
        Becomes the column ``concept``.

    Returns
    -------
    DataFrame
        Columns ``onset`` (int), ``image`` (int or str), ``split`` and perhaps ``concept``.

    Raises
    ------
    InputError
        Naming the line of a picture trial without a sample from 0, out of order or at the same sample as another, or
        without an image.
    """
    events = pd.DataFrame({"onset": samples.astype(float), "image": images, "split": splits})
    if concepts is not None:
        events["concept"] = concepts
    shown = events["split"].isin(PARTITIONS)
    repeated = shown & table.duplicated()
    onset = events["onset"]
    kept = ~repeated & (shown | (np.isfinite(onset) & (onset.abs() < 2**53)))
    events, shown = events[kept], shown[kept]
    _check_onsets(events.loc[shown, "onset"], file)
    events["image"] = _checked_images(events["image"], shown, file)
    events["onset"] = events["onset"].round().astype(np.int64)
    return events.sort_values("onset", kind="stable").reset_index(drop=True)


def repeated_rows(table: pd.DataFrame, shown: pd.Series) -> int:
    """How many picture trials are written more than once, equal in every column."""
    return int((table.duplicated() & shown).sum())


def column_of_numbers(table: pd.DataFrame, name: str) -> pd.Series:
    """A column as float; NaN where there is no finite number."""
    numbers = pd.to_numeric(table[name], errors="coerce").astype(float)
    return numbers.where(np.isfinite(numbers))


def channel_table(run: BidsRun) -> pd.DataFrame | None:
    """The run's channels.tsv with the columns ``name`` and ``type`` (upper case), or None if there is none.

    Raises
    ------
    InputError
        If it lacks one of these columns.
    """
    file = sidecar(run, "channels", ".tsv")
    if file is None:
        return None
    table = read_tsv(file, ("name", "type"))
    return table.assign(type=table["type"].str.upper())


def sidecar_rate(run: BidsRun, channels: pd.DataFrame | None) -> float | None:
    """Samples per second by the run's json or, failing that, by its channels.tsv."""
    rate = _positive(read_sidecar_json(run).get("SamplingFrequency"))
    if rate is None and channels is not None and "sampling_frequency" in channels:
        rates = {_positive(value) for value in channels["sampling_frequency"]} - {None}
        return rates.pop() if len(rates) == 1 else None
    return rate


def read_sidecar_json(run: BidsRun) -> dict[str, Any]:
    """The run's ``*_eeg.json`` or ``*_meg.json``; empty if there is none.

    Raises
    ------
    InputError
        If it is no json object.
    """
    file = sidecar(run, run.datatype, ".json")
    if file is None:
        return {}
    try:
        content = json.loads(file.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{file}: not json ({error}); correct the file or remove it") from None
    if not isinstance(content, dict):
        raise InputError(f"{file}: holds no json object; correct the file or remove it")
    return content


def _read_text_table(file: Path) -> pd.DataFrame:
    """All of it as str, NaN where there is no value."""
    options = {"sep": "\t", "dtype": str, "quoting": QUOTE_NONE, "skip_blank_lines": False}
    try:
        text = file.read_bytes().decode("utf-8-sig").strip(" ")
        if re.search(r" [\t\r\n]|[\t\n] ", text):  # blanks around values
            text = re.sub(r" *([\t\r\n]) *", r"\1", text)
        return pd.read_csv(io.StringIO(text), keep_default_na=False, na_values=["", "n/a", "N/A"], **options)
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read as a table with tabs between columns ({error})") from None


def _check_onsets(onset: pd.Series, file: Path) -> None:
    valid = np.isfinite(onset) & (onset >= 0) & (onset == onset.round()) & (onset < 2**53)
    if not valid.all():
        line = onset.index[~valid][0]
        raise InputError(
            f"{file}, line {line}: the onset is {_text(onset[line])}, allowed: a whole sample from 0 on; correct the "
            "row, or mark it as no picture trial"
        )
    if len(late := np.flatnonzero(np.diff(onset.to_numpy()) <= 0)):
        line, before = onset.index[late[0] + 1], onset.index[late[0]]
        relation = "the same sample as" if onset[line] == onset[before] else "earlier than"
        raise InputError(
            f"{file}, line {line}: the trial starts at {relation} that of line {before} (samples "
            f"{_text(onset[line])} and {_text(onset[before])}); rows must be in order of time, one trial at a time"
        )


def _checked_images(images: pd.Series, shown: pd.Series, file: Path) -> pd.Series:
    if not pd.api.types.is_float_dtype(images):  # names
        return images
    whole = np.isfinite(images) & (images == images.round()) & (images > 0) & (images < 2**53)
    if (wrong := shown & ~whole).any():
        line = images.index[wrong][0]
        raise InputError(
            f"{file}, line {line}: the event code of the image is {_text(images[line])}, allowed: a whole number from 1"
        )
    return images.where(shown, NO_IMAGE).astype(np.int64)


def _text(number: float) -> str:
    if not np.isfinite(number):
        return "no number"
    return str(int(number)) if number == round(number) else f"{number:g}"


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 < number < np.inf else None
