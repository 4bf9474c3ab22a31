"""Layout `things-eeg2`: the raw recordings as their authors share them.

``<root>/<subject>/ses-XX/raw_eeg_{training,test}.npy``, each a pickled dict with ``raw_eeg_data`` (channels and a
trigger channel, samples; volts), ``ch_names``, ``ch_types`` and ``sfreq`` (data_layouts.md §1).
"""

import re
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.recordings.channels import take_rows
from pipeline_lib.recordings.events import events_from_stim
from pipeline_lib.recordings.params import StudyParams
from pipeline_lib.recordings.recording import (
    Defect,
    Header,
    Layout,
    Partition,
    Run,
    Signal,
    apple_doubles,
    subject_folder,
)
from pipeline_lib.recordings.safe_pickle import load_dict, required, words

TARGET_CODE = 99999  # a trial that only keeps people attentive
FILE_NAMES: dict[Partition, tuple[str, ...]] = {
    "train": ("raw_eeg_training.npy", "raw_eeg_train.npy"),
    "test": ("raw_eeg_test.npy",),
}
CURE = "get the file again"
EXPECTED = "ses-01, ses-02, ... with raw_eeg_training.npy and raw_eeg_test.npy"


def runs(study: StudyParams, subject: str) -> list[Run]:
    """The recordings of a subject, by session, training before test; see :class:`~.recording.Layout`.

    Raises
    ------
    InputError
        If the subject's folder is missing or empty, or a session holds no recording or is there twice.
    """
    return [
        run_of(session, partition, file)
        for session, folder in _sessions(subject_folder(study.root, subject, EXPECTED))
        for partition, file in _files(folder).items()
    ]


def defects(study: StudyParams, subject: str) -> Iterator[Defect]:
    """What is wrong with the names of a subject's files: missing sessions and partitions, two names for one file."""
    folder = subject_folder(study.root, subject, EXPECTED)
    sessions = _sessions(folder)
    numbers = [number for number, _ in sessions]
    for number in sorted(set(range(1, max(numbers))) - set(numbers)):
        yield Defect(folder, f"session {number} is missing", "the other sessions are read")
    yield from apple_doubles(folder)
    for _, session in sessions:
        yield from _defects_of_session(session)


def _defects_of_session(folder: Path) -> Iterator[Defect]:
    for partition, names in FILE_NAMES.items():
        present = [folder / name for name in names if (folder / name).is_file()]
        if not present:
            yield Defect(folder / names[0], f"no recording of the {partition} images", "the session goes without it")
        for other in present[1:]:
            yield Defect(other, f"another file of the {partition} images", f"ignored; {present[0].name} is read")


def _sessions(folder: Path) -> list[tuple[int, Path]]:
    numbered = [(re.fullmatch(r"ses-(\d{1,4})", path.name), path) for path in folder.iterdir() if path.is_dir()]
    found = sorted((int(match[1]), path) for match, path in numbered if match)
    if not found:
        raise InputError(f"{folder}: no sessions; expected {EXPECTED}")
    for (number, path), (following, other) in pairwise(found):
        if number == following:
            raise InputError(f"{path}: session {number} is also in {other.name}; remove one of the two")
    return found


def _files(folder: Path) -> dict[Partition, Path]:
    files = {
        partition: next((folder / name for name in names if (folder / name).is_file()), None)
        for partition, names in FILE_NAMES.items()
    }
    if not any(files.values()):
        raise InputError(f"{folder}: no recordings; expected raw_eeg_training.npy and raw_eeg_test.npy")
    return {partition: file for partition, file in files.items() if file}


def run_of(session: int, partition: Partition, file: Path) -> Run:
    """The recording in one file, whatever the file is called."""
    return Run(
        session=session,
        file=file,
        header=partial(_header, file),
        events=partial(_events, file, partition),
        signal=partial(_signal, file),
    )


class _Raw(NamedTuple):
    """What a file holds; the data are mapped from disk."""

    data: np.ndarray
    ch_names: list[str]
    ch_types: list[str]
    sfreq: float

    def eeg(self) -> list[int]:
        return [row for row, kind in enumerate(self.ch_types) if kind == "eeg"]


def _read(file: Path) -> _Raw:
    data, ch_names, sfreq = required(content := load_dict(file), ("raw_eeg_data", "ch_names", "sfreq"), file)
    ch_names = words(ch_names, "ch_names", file)
    _check_shape(data, ch_names, file)
    ch_types = [kind.lower() for kind in words(content.get("ch_types", []), "ch_types", file)]
    ch_types = ch_types or ["stim" if name.lower() == "stim" else "eeg" for name in ch_names]
    if len(ch_types) != len(ch_names):
        raise InputError(f"{file}: {len(ch_types)} ch_types for {len(ch_names)} ch_names")
    return _Raw(data, ch_names, ch_types, _positive(sfreq, file))


def _header(file: Path) -> Header:
    raw = _read(file)
    return Header([raw.ch_names[row] for row in raw.eeg()], ["eeg"] * len(raw.eeg()), raw.sfreq)


def _events(file: Path, partition: Partition) -> pd.DataFrame:
    raw = _read(file)
    stim = np.asarray(raw.data[_stim_row(raw, file)])
    onsets, codes = events_from_stim(stim, where=str(file)).T
    return pd.DataFrame({"onset": onsets, "image": codes, "split": np.where(codes == TARGET_CODE, "target", partition)})


def _signal(file: Path) -> Signal:
    raw = _read(file)
    return Signal(**vars(_header(file)), data=take_rows(raw.data, raw.eeg()))


def _check_shape(data: Any, ch_names: list[str], file: Path) -> None:
    if not isinstance(data, np.ndarray) or data.dtype.kind not in "fiu":
        raise InputError(
            f"{file}: raw_eeg_data must be an array of real numbers, is {getattr(data, 'dtype', data)}; {CURE}"
        )
    if data.ndim != 2 or len(data) != len(ch_names) or not data.shape[1]:
        expected = f"({len(ch_names)} channels, samples)"
        raise InputError(f"{file}: raw_eeg_data has shape {data.shape}, expected {expected} by ch_names; {CURE}")


def _stim_row(raw: _Raw, file: Path) -> int:
    rows = [row for row, kind in enumerate(raw.ch_types) if kind == "stim"]
    if len(rows) != 1:
        found = listed(raw.ch_names[row] for row in rows) or "none"
        raise InputError(
            f"{file}: needs one trigger channel (ch_types 'stim'), has {found}; channels: {listed(raw.ch_names)}; "
            f"correct ch_types, or {CURE}"
        )
    return rows[0]


def _positive(sfreq: Any, file: Path) -> float:
    try:
        value = float(sfreq)
    except (TypeError, ValueError, OverflowError):
        value = np.nan
    if not 0 < value < np.inf:
        raise bad_value("sfreq", sfreq, "a positive number of Hz", where=str(file))
    return value


LAYOUT = Layout(runs, defects)
