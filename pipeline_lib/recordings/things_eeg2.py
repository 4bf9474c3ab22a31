"""Layout `things-eeg2`: the raw recordings as their authors share them.

``<root>/<subject>/ses-XX/raw_eeg_{training,test}.npy``, each a pickled dict with ``raw_eeg_data`` (channels and a
trigger channel, samples; volts), ``ch_names``, ``ch_types`` and ``sfreq`` (data_layouts.md §1).
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.recordings.channels import take_rows
from pipeline_lib.recordings.events import events_from_stim
from pipeline_lib.recordings.recording import Partition, Recording, Session, subject_folder
from pipeline_lib.recordings.safe_pickle import load_dict, required

TARGET_CODE = 99999  # a trial that only keeps people attentive: dropped
FILE_NAMES: dict[Partition, tuple[str, ...]] = {
    "train": ("raw_eeg_training.npy", "raw_eeg_train.npy"),
    "test": ("raw_eeg_test.npy",),
}
EXPECTED = "ses-01, ses-02, ... with raw_eeg_training.npy and raw_eeg_test.npy"


def sessions(root: Path, subject: str) -> list[Session]:
    """The sessions of a subject, by number.

    Raises
    ------
    InputError
        If the subject's folder is missing or empty, or a session holds no recording.
    """
    folder = subject_folder(root, subject, EXPECTED)
    numbered = [(re.fullmatch(r"ses-(\d+)", path.name), path) for path in folder.iterdir() if path.is_dir()]
    found = sorted((int(match[1]), path) for match, path in numbered if match)
    if not found:
        raise InputError(f"{folder}: no sessions; expected {EXPECTED}")
    return [Session(number, partial(_recordings, _files(path))) for number, path in found]


def read_recording(file: Path, partition: Partition) -> Recording:
    """Read one file of a session.

    Raises
    ------
    InputError
        Naming the file, if it is damaged, holds anything but arrays and plain containers, or has no trigger channel.
    """
    data, ch_names, sfreq = required(content := load_dict(file), ("raw_eeg_data", "ch_names", "sfreq"), file)
    ch_names = [str(name) for name in ch_names]
    _check_shape(data, ch_names, file)
    ch_types = [str(kind).lower() for kind in content.get("ch_types", [])] or _types_by_name(ch_names)
    if len(ch_types) != len(ch_names):
        raise InputError(f"{file}: {len(ch_types)} ch_types for {len(ch_names)} ch_names")
    events = events_from_stim(data[_stim_row(ch_names, ch_types, file)], where=str(file))
    eeg = [row for row, kind in enumerate(ch_types) if kind == "eeg"]
    return Recording(
        data=take_rows(data, eeg),
        ch_names=[ch_names[row] for row in eeg],
        sfreq=_positive(sfreq, file),
        events=events[events[:, 1] != TARGET_CODE],
        partition=partition,
        file=file,
    )


def _files(folder: Path) -> dict[Partition, Path]:
    files = {
        partition: next((folder / name for name in names if (folder / name).is_file()), None)
        for partition, names in FILE_NAMES.items()
    }
    if not any(files.values()):
        raise InputError(f"{folder}: no recordings; expected raw_eeg_training.npy and raw_eeg_test.npy")
    return {partition: file for partition, file in files.items() if file}


def _recordings(files: dict[Partition, Path]) -> Iterator[Recording]:
    for partition, file in files.items():
        yield read_recording(file, partition)


def _check_shape(data: Any, ch_names: list[str], file: Path) -> None:
    if not isinstance(data, np.ndarray) or data.dtype.kind not in "fiu":
        raise InputError(f"{file}: raw_eeg_data must be an array of real numbers, is {getattr(data, 'dtype', data)}")
    if data.ndim != 2 or len(data) != len(ch_names) or not data.shape[1]:
        expected = f"({len(ch_names)} channels, samples)"
        raise InputError(f"{file}: raw_eeg_data has shape {data.shape}, expected {expected} by ch_names")


def _types_by_name(ch_names: list[str]) -> list[str]:
    return ["stim" if name.lower() == "stim" else "eeg" for name in ch_names]


def _stim_row(ch_names: list[str], ch_types: list[str], file: Path) -> int:
    rows = [row for row, kind in enumerate(ch_types) if kind == "stim"]
    if len(rows) != 1:
        found = listed(ch_names[row] for row in rows) or "none"
        raise InputError(
            f"{file}: needs one trigger channel (ch_types 'stim'), has {found}; channels: {listed(ch_names)}"
        )
    return rows[0]


def _positive(sfreq: Any, file: Path) -> float:
    try:
        value = float(sfreq)
    except (TypeError, ValueError):
        value = np.nan
    if not 0 < value < np.inf:
        raise bad_value("sfreq", sfreq, "a positive number of Hz", where=str(file))
    return value
