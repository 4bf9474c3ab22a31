"""What every layout's reader gives: sessions, each with continuous recordings and the marks of what was shown.

A layout of continuous recordings is one function ``sessions(root, subject) -> list[Session]``; nothing is read until a
session's recordings are asked for, one file at a time, because a real file is 1.7 GB.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline_lib.common.errors import InputError, listed

Partition = Literal["train", "test"]


@dataclass(frozen=True)
class Recording:
    """A continuous recording and its events.

    Attributes
    ----------
    data : ndarray, shape (n_channels, n_samples)
        Signals in volts (or the sensor's SI unit), without trigger channels.
    ch_names : list of str
        Of the rows of `data`.
    sfreq : float
        Samples per second.
    events : ndarray of int, shape (n_events, 2)
        Sample of onset and event code, in order of time; a code is the stimulus table's ``event_code`` within the
        recording's partition.
    partition : {"train", "test"}
        What the shown images serve for.
    file : Path
        Where it came from, for messages.
    """

    data: np.ndarray
    ch_names: list[str]
    sfreq: float
    events: np.ndarray
    partition: Partition
    file: Path


@dataclass(frozen=True)
class Session:
    """One session of a subject.

    Attributes
    ----------
    number : int
        As in the folder's name.
    recordings : callable
        Reads its recordings, one at a time.
    """

    number: int
    recordings: Callable[[], Iterator[Recording]]


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
    folders = [path.name for path in sorted(Path(root).iterdir()) if path.is_dir() and not path.name.startswith(".")]
    folder = Path(root) / subject
    if subject not in folders:
        raise InputError(
            f"{folder}: no such subject; expected {expected}; {root} holds: {listed(folders) or 'nothing'}"
        )
    if not any(folder.iterdir()):
        raise InputError(f"{folder}: the subject's folder is empty; expected {expected}")
    return folder
