"""Recordings to be decoded, opened by their headers: what every kind of file gives before its samples are read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline_lib.recordings.recording import Header

if TYPE_CHECKING:
    import mne


@dataclass(frozen=True)
class Continuous:
    """A continuous recording.

    Attributes
    ----------
    file : Path
    header : Header
        Its channels of EEG and MEG.
    n_samples : int
    read : callable
        Rows of `header`, ndarray of int of shape (n,), to their samples, shape (n, n_samples), in volts or tesla.
    events : callable
        Reads what the file itself says of events: columns ``onset`` (the sample, the first of the file being 0) and
        ``word``, the event's code (a column of int) or description (of str).
    info : mne.Info, optional
        Of the channels of `header`, in their order, with the positions that were digitised. Defaults to None: none.
    bad : tuple of str
        Channels that the file marks as bad.
    """

    file: Path
    header: Header
    n_samples: int
    read: Callable[[np.ndarray], np.ndarray]
    events: Callable[[], pd.DataFrame]
    info: "mne.Info | None" = None
    bad: tuple[str, ...] = ()


@dataclass(frozen=True)
class CutTrials:
    """Trials that somebody has already cut.

    Attributes
    ----------
    file, header, info, bad
        As :class:`Continuous`'s.
    n_times : int
        Samples of a trial.
    tmin : float
        Time of the first sample in seconds from onset.
    read : callable
        Trials, ndarray of int of shape (n,), and rows of `header`, shape (m,), to samples, shape (n, m, n_times).
    words : DataFrame
        A row for each trial, columns ``onset`` (the trial's number) and ``word``, as :attr:`Continuous.events` has it.
    named : bool
        The words are names of images, and not codes or descriptions of events.
    """

    file: Path
    header: Header
    n_times: int
    tmin: float
    read: Callable[[np.ndarray, np.ndarray], np.ndarray]
    words: pd.DataFrame
    named: bool = False
    info: "mne.Info | None" = None
    bad: tuple[str, ...] = ()


Opened = Continuous | CutTrials
