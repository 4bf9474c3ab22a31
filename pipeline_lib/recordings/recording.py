"""What every layout's reader gives: which subjects there are, and for each the runs, whose tables and signals are read
when they are asked for, one at a time, because a real file is 1.7 GB.

A layout of continuous recordings gives :class:`Run`; one of trials that somebody has already cut gives :class:`CutRun`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.recordings.params import StudyParams

Partition = Literal["train", "test"]
PARTITIONS: tuple[Partition, ...] = ("train", "test")
EVENT_COLUMNS = ("onset", "image", "split")
UNTOLD = "train or test"  # split of trials of which the stimulus table alone tells it; no word of anybody's own
LAST_SESSION = 2**15 - 1  # the store keeps the numbers of sessions in 16 bits


@dataclass(frozen=True)
class Header:
    """What a recording's header or sidecar says, without its samples.

    Attributes
    ----------
    ch_names, ch_types : list of str
        Of the channels that carry brain signals: types are MNE's ``eeg``, ``mag`` and ``grad``. Reference, trigger,
        eye and other channels are not among them.
    sfreq : float or None
        Samples per second; None where unknown.
    """

    ch_names: list[str]
    ch_types: list[str]
    sfreq: float | None


@dataclass(frozen=True)
class Signal(Header):
    """A continuous recording.

    Attributes
    ----------
    data : ndarray, shape (n_channels, n_samples)
        Volts (EEG) or tesla (MEG).
    """

    data: np.ndarray


@dataclass(frozen=True)
class Run:
    """One continuous recording of a session.

    Attributes
    ----------
    session : int
        Number of the session, from 1.
    file : Path
        The signal's file, for messages.
    header : callable
        Reads what is known without the samples.
    events : callable
        Reads what was shown when: a DataFrame with the columns of :data:`EVENT_COLUMNS`, in order of time. ``onset`` is
        the sample of ``signal().data``; ``image`` the stimulus table's event code (a column of int) or a name of the
        image (a column of str); ``split`` is ``train``, ``test``, :data:`UNTOLD`, or a
        word for what is no picture trial (``target``, ``catch``), whose ``image`` means nothing. A column ``concept``
        may follow, for `trialign inspect` and the names of THINGS-MEG's pictures.
    signal : callable
        Reads the samples.
    dropouts : tuple of (float, float)
        Known stretches without signal: start and duration in seconds from the first sample.
    """

    session: int
    file: Path
    header: Callable[[], Header]
    events: Callable[[], pd.DataFrame]
    signal: Callable[[], Signal]
    dropouts: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class CutRun:
    """Trials that somebody has already cut.

    Attributes
    ----------
    session : int
        Number of the session; 1 where the file does not tell.
    file : Path
    header : callable
        As :class:`Run`'s.
    events : callable
        As :class:`Run`'s, one row per trial; ``onset`` is the trial's number.
    read : callable
        The trials with the given numbers: ndarray of int, shape (n,) to ndarray, shape (n, n_channels, n_times).
    tmin : float
        Time of the first sample in seconds from onset.
    all_sessions : bool
        The trials of all sessions stand in one file that does not tell them apart, their repeats chosen already: what
        ``preprocess.max_repeats`` allows per session would cut them again, so it is not applied.
    whitening : str
        As :class:`~pipeline_lib.recordings.store.EpochsData`'s: what was done before the trials were shared.
    """

    session: int
    file: Path
    header: Callable[[], Header]
    events: Callable[[], pd.DataFrame]
    read: Callable[[np.ndarray], np.ndarray]
    tmin: float
    all_sessions: bool = False
    whitening: str = "none"


@dataclass(frozen=True)
class Defect:
    """Something in the files that is not as it should be.

    Attributes
    ----------
    place : Path
        The file or folder.
    what : str
        What is wrong with it.
    action : str
        What trialign does about it (``"ignored"``), or what the user must do.
    """

    place: Path
    what: str
    action: str


@dataclass(frozen=True)
class Layout:
    """How the files of a study are read.

    Attributes
    ----------
    runs : callable
        ``runs(study, subject) -> list of Run or CutRun``, by session. Reads names of files and, of trials that are cut
        already, tables and headers; raises :class:`InputError` if there is nothing.
    defects : callable
        ``defects(study, subject)``: what is wrong with a subject's files, from names, tables and headers.
    """

    runs: Callable[[StudyParams, str], list[Run] | list[CutRun]]
    defects: Callable[[StudyParams, str], Iterable[Defect]]


def subject_names(root: Path) -> list[str]:
    """The folders below the study's root that may be subjects: ``sub-*`` where there are any, else all."""
    folders = [path.name for path in sorted(Path(root).iterdir()) if path.is_dir() and not path.name.startswith(".")]
    return [name for name in folders if name.startswith("sub-")] or folders


def subject_folder(root: Path, subject: str, expected: str) -> Path:
    """The folder of a subject, which must hold something.

    Parameters
    ----------
    root : Path
        ``study.root``.
    subject : str
        Name of the folder.
    expected : str
        What such a folder holds, for the error.

    Raises
    ------
    InputError
        If the study or the subject's folder is missing or empty; names the subjects that are there.
    """
    if not Path(root).is_dir():
        raise InputError(f"{root}: no such folder; study.root must hold one folder per subject, each with {expected}")
    folder = Path(root) / subject
    if not subject or not folder.is_dir():
        raise InputError(
            f"{folder}: no such subject; expected {expected}; {root} holds: {listed(subject_names(root)) or 'nothing'}"
        )
    if not any(folder.iterdir()):
        raise InputError(f"{folder}: the subject's folder is empty; expected {expected}")
    return folder


def apple_doubles(folder: Path) -> list[Defect]:
    """The files ``._*`` below a folder, which macOS puts beside the real ones."""
    what = "AppleDouble file, made by macOS beside the real one"
    return [Defect(file, what, "ignored") for file in sorted(Path(folder).rglob("._*"))]
