"""Cut trials of several sessions, one after the other: what the layouts of cut trials share."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.recording import LAST_SESSION, CutRun, Header


def runs_by_session(
    sessions: np.ndarray,
    events: pd.DataFrame,
    read: Callable[[np.ndarray], np.ndarray],
    *,
    header: Callable[[], Header],
    file: Path,
    tmin: float,
) -> list[CutRun]:
    """One run for each session, in order of their numbers.

    Parameters
    ----------
    sessions : ndarray of int, shape (n_trials,)
        The session of each trial.
    events : DataFrame
        Columns ``image`` and ``split``, one row per trial, in the same order.
    read : callable
        The trials with the given numbers among all of `sessions`.
    header, file, tmin
        As :class:`CutRun`'s.
    """
    runs = []
    for number in np.unique(sessions).tolist():
        rows = np.flatnonzero(sessions == number)
        part = events.iloc[rows].reset_index(drop=True)
        part.insert(0, "onset", np.arange(len(rows)))
        runs.append(CutRun(number, file, header, part.copy, partial(_read_of_session, read, rows), tmin))
    return runs


def session_numbers(values: Any, *, where: str) -> np.ndarray:
    """Session numbers in a table's column.

    Parameters
    ----------
    values : sequence of str or numbers
    where : str
        The table, for the error.

    Returns
    -------
    ndarray of int, shape (n_trials,)

    Raises
    ------
    InputError
        If a value is no whole number from 1 to :data:`~pipeline_lib.recordings.recording.LAST_SESSION`.
    """
    numbers = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(dtype=np.float64)
    bad = ~(numbers >= 1) | (numbers != np.round(numbers)) | (numbers > LAST_SESSION)
    if bad.any():
        value = list(values)[int(np.flatnonzero(bad)[0])]
        raise InputError(f"{where}: column session must hold whole numbers from 1 to {LAST_SESSION}, has {value!r}")
    return numbers.astype(np.int64)


def _read_of_session(read: Callable[[np.ndarray], np.ndarray], rows: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    return read(rows[numbers])
