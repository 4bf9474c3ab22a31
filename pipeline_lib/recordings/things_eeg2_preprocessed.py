"""Layout `things-eeg2-preprocessed`: THINGS-EEG2 cut, resampled and whitened by its authors or by those who followed.

``<root>/<subject>/preprocessed_eeg_{training,test}.npy``, each a dict with ``preprocessed_eeg_data``, shape (n_images,
n_repeats, n_channels, n_times), ``ch_names`` and ``times`` in seconds. Two kinds are in circulation: 17 channels at
100 Hz from -0.2 s, saved with numpy; and 63 channels at 250 Hz from 0 s, a bare pickle, whose ``times`` still name the
50 samples before onset that its data lack (data_layouts.md §1). Repeats of all sessions are shuffled
together, 4 of training and 80 of test images.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.params import StudyParams
from pipeline_lib.recordings.recording import (
    CutRun,
    Defect,
    Header,
    Layout,
    Partition,
    apple_doubles,
    subject_folder,
)
from pipeline_lib.recordings.safe_pickle import load_dict, required, words

FILE_NAMES: dict[Partition, str] = {"train": "preprocessed_eeg_training.npy", "test": "preprocessed_eeg_test.npy"}
EXPECTED = "preprocessed_eeg_training.npy and preprocessed_eeg_test.npy"


def runs(study: StudyParams, subject: str) -> list[CutRun]:
    """The two files of a subject as one session, training before test; see :class:`~.recording.Layout`.

    Raises
    ------
    InputError
        If there is no file, or one is damaged.
    """
    folder = subject_folder(study.root, subject, EXPECTED)
    files = {partition: folder / name for partition, name in FILE_NAMES.items() if (folder / name).is_file()}
    if not files:
        raise InputError(f"{folder}: no recordings; expected {EXPECTED}")
    return [_run(file, partition) for partition, file in files.items()]


def defects(study: StudyParams, subject: str) -> Iterator[Defect]:
    """A missing file, AppleDouble files, and times that do not fit the data."""
    folder = subject_folder(study.root, subject, EXPECTED)
    yield from apple_doubles(folder)
    for partition, name in FILE_NAMES.items():
        if not (folder / name).is_file():
            yield Defect(folder / name, f"no trials of the {partition} images", "the subject goes without them")
    for run in runs(study, subject):
        trials = _read(run.file)
        n_times, n_named = trials.data.shape[-1], trials.n_named_times
        if n_named > n_times:
            what = f"times names {n_named} samples, the trials have {n_times}"
            yield Defect(run.file, what, f"the last {n_times} times are theirs: they begin at onset")


class _Trials(NamedTuple):
    """What a file holds; the data, shape (n_images, n_repeats, n_channels, n_times), are mapped from disk."""

    data: np.ndarray
    ch_names: list[str]
    sfreq: float
    tmin: float
    n_named_times: int


def _run(file: Path, partition: Partition) -> CutRun:
    trials = _read(file)
    return CutRun(
        session=1,
        file=file,
        header=partial(Header, trials.ch_names, ["eeg"] * len(trials.ch_names), trials.sfreq),
        events=partial(_events, trials, partition),
        read=partial(_rows, trials),
        tmin=trials.tmin,
        all_sessions=True,
        whitening="by-those-who-shared-the-trials",
    )


def _read(file: Path) -> _Trials:
    data, ch_names, times = required(load_dict(file), ("preprocessed_eeg_data", "ch_names", "times"), file)
    ch_names = words(ch_names, "ch_names", file)
    if not isinstance(data, np.ndarray) or data.dtype.kind not in "fiu":
        kind = getattr(data, "dtype", type(data).__name__)
        raise InputError(f"{file}: preprocessed_eeg_data must be an array of real numbers, is {kind}; get it again")
    if data.ndim != 4 or data.shape[2] != len(ch_names) or 0 in data.shape:
        expected = f"(images, repeats, {len(ch_names)} channels, times) by ch_names"
        raise InputError(f"{file}: preprocessed_eeg_data has shape {data.shape}, expected {expected}; get it again")
    times = _seconds(times, file)
    tmin, sfreq = _start_and_rate(times, data.shape[3], file)
    return _Trials(data, ch_names, sfreq, tmin, len(times))


def _seconds(times: Any, file: Path) -> np.ndarray:
    try:
        seconds = np.asarray(times, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{file}: times must be seconds, is a {type(times).__name__} of something else") from None
    steps = np.diff(seconds) if seconds.ndim == 1 else np.empty(0)
    if not len(steps) or not np.isfinite(seconds).all() or steps[0] <= 0:
        raise InputError(f"{file}: times must be two or more ascending seconds, has shape {seconds.shape}")
    if np.abs(steps - steps.mean()).max() > 1e-3 * steps.mean():
        raise InputError(f"{file}: times are not evenly spaced: steps of {steps.min():g} to {steps.max():g} s")
    return seconds


def _start_and_rate(times: np.ndarray, n_times: int, file: Path) -> tuple[float, float]:
    """Time of the first sample and samples per second.

    Trials shorter than their times have lost their beginning, and are taken if they then begin at onset.
    """
    sfreq = round(float((len(times) - 1) / (times[-1] - times[0])), 6)
    sfreq = float(round(sfreq)) if abs(sfreq - round(sfreq)) < 1e-4 else sfreq  # times may be rounded to float32
    start = float(times[-n_times]) if len(times) >= n_times else np.nan
    if len(times) == n_times or abs(start * sfreq) < 0.5:
        return round(start, 6), sfreq
    raise InputError(
        f"{file}: times names {len(times)} samples, but preprocessed_eeg_data has {n_times} per trial; "
        "their time is unknown"
    )


def _events(trials: _Trials, partition: Partition) -> pd.DataFrame:
    n_images, n_repeats = trials.data.shape[:2]
    codes = np.repeat(np.arange(1, n_images + 1), n_repeats)
    return pd.DataFrame({"onset": np.arange(len(codes)), "image": codes, "split": partition})


def _rows(trials: _Trials, rows: np.ndarray) -> np.ndarray:
    return trials.data[np.unravel_index(rows, trials.data.shape[:2])]


LAYOUT = Layout(runs, defects)
