"""The epochs of one run, a few at a time: out of a continuous recording, or out of trials that are cut already."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.channels import check_ranges, rows_of_channels, take_rows
from pipeline_lib.recordings.epochs import (
    cropped,
    cut_blocks,
    filtered,
    is_complete,
    window_of,
    within_peak_to_peak,
)
from pipeline_lib.recordings.params import PreprocessParams
from pipeline_lib.recordings.recording import CutRun, Run, Signal
from pipeline_lib.recordings.resampling import at_rate
from pipeline_lib.recordings.trials import INCOMPLETE, AnyRun

ABSURD_LIMIT = 0.01  # volts: no EEG channel swings that far
CUT_BLOCK = 64  # trials read at a time from a file of cut trials

Blocks = Iterator[tuple[np.ndarray, np.ndarray]]


def epoch_blocks(
    run: AnyRun, events: pd.DataFrame, picked: list[str], params: PreprocessParams
) -> tuple[float | None, Blocks]:
    """The epochs of a run's events that are not dropped.

    Parameters
    ----------
    run : Run or CutRun
    events : DataFrame
        From :func:`~pipeline_lib.recordings.trials.planned_runs`; events that are not wholly in the recording are
        marked in its column ``dropped``.
    picked : list of str
        The channels to keep, in order.
    params : PreprocessParams

    Returns
    -------
    sfreq : float or None
        Of the epochs, Hz; None where unknown.
    blocks : iterator of (ndarray of float32, shape (n_kept, n_channels, n_times), ndarray of bool, shape (n_events,))
        Epochs, and which of the next so many events they are: the others were rejected.

    Raises
    ------
    InputError
        If the recording cannot be used; names the file and what to do.
    """
    cut = _cut_trials if isinstance(run, CutRun) else _cut_recording
    return cut(run, events, picked, params)


def _cut_recording(run: Run, events: pd.DataFrame, picked: list[str], params: PreprocessParams) -> tuple[float, Blocks]:
    """The rate of a recording's epochs, and the epochs; marks the events that are not wholly in it."""
    _check_volts_or_tesla(params.reject_peak_to_peak)
    signal = run.signal()
    window = window_of(params.tmin, params.tmax, signal.sfreq)
    complete = is_complete(events["onset"].to_numpy(), window, signal.data.shape[1])
    planned = events["dropped"] == ""
    if planned.any() and not complete[planned].any():
        raise InputError(_nothing_inside(run, events.loc[planned, "onset"], signal))
    events.loc[planned & ~complete, "dropped"] = INCOMPLETE
    onsets = events.loc[events["dropped"] == "", "onset"].to_numpy(dtype=np.int64)
    data = _picked_and_filtered(run, signal, picked, params)
    return params.sfreq or signal.sfreq, cut_blocks(data, onsets, signal.sfreq, params, where=str(run.file))


def _check_volts_or_tesla(limit: float | None) -> None:
    """A limit of 75, meant as microvolts, would let everything pass."""
    if limit is not None and limit >= ABSURD_LIMIT:
        raise InputError(
            f"preprocess.reject_peak_to_peak is {limit:g}, but recordings are in volts or tesla, far below "
            f"{ABSURD_LIMIT}; 75 µV is 75.0e-6"
        )


def _nothing_inside(run: Run, onsets: pd.Series, signal: Signal) -> str:
    lasts, first, last = (n / signal.sfreq for n in (signal.data.shape[1], onsets.min(), onsets.max()))
    return (
        f"{run.file}: the recording lasts {lasts:.1f} s, and no epoch of its {len(onsets)} trials ({first:.1f} to "
        f"{last:.1f} s) lies in it; is the file cut off, or are the onsets not in seconds? Get it again, or mend them"
    )


def _picked_and_filtered(run: Run, signal: Signal, picked: list[str], params: PreprocessParams) -> np.ndarray:
    where = str(run.file)
    data = take_rows(signal.data, rows_of_channels(picked, signal.ch_names, where=where))
    lows, highs = (np.array([bound(channel) for channel in data], dtype=np.float64) for bound in (np.min, np.max))
    check_ranges(lows, highs, picked, keep_flat=params.flat_channels == "keep", where=where)
    if run.dropouts and params.dropouts == "patch":
        data = _patched(data, run.dropouts, signal.sfreq)
    return filtered(data, signal.sfreq, params.filter.low, params.filter.high, where=where)


def _patched(data: np.ndarray, dropouts: tuple[tuple[float, float], ...], sfreq: float) -> np.ndarray:
    """`data` with each channel's median in known stretches without signal."""
    data = np.array(data)
    medians = np.median(data, axis=1, keepdims=True)
    for start, duration in dropouts:
        data[:, round(start * sfreq) : round((start + duration) * sfreq)] = medians
    return data


def _cut_trials(
    run: CutRun, events: pd.DataFrame, picked: list[str], params: PreprocessParams
) -> tuple[float | None, Blocks]:
    """The rate of trials that are cut already, and the trials."""
    header = run.header()
    rows = events.loc[events["dropped"] == "", "onset"].to_numpy(dtype=np.int64)
    channels = rows_of_channels(picked, header.ch_names, where=str(run.file))
    sfreq = header.sfreq and (params.sfreq or header.sfreq)
    return sfreq, _cut_trial_blocks(run, rows, channels, picked, header.sfreq, params)


def _cut_trial_blocks(
    run: CutRun,
    rows: np.ndarray,
    channels: np.ndarray,
    picked: list[str],
    sfreq: float | None,
    params: PreprocessParams,
) -> Blocks:
    lows, highs = np.full(len(channels), np.inf), np.full(len(channels), -np.inf)
    for start in range(0, len(rows), CUT_BLOCK):
        block = np.asarray(run.read(rows[start : start + CUT_BLOCK])[:, channels], dtype=np.float64)
        lows = np.minimum(lows, block.min(axis=(0, 2)))
        highs = np.maximum(highs, block.max(axis=(0, 2)))
        check_ranges(lows, highs, picked, keep_flat=True, where=str(run.file))  # flat: only all blocks tell
        kept = within_peak_to_peak(block, params.reject_peak_to_peak)
        block = block[kept].astype(np.float32)
        if sfreq is not None:
            block, n_before = at_rate(block, round(-run.tmin * sfreq), sfreq, params, where=str(run.file))
            block = cropped(block, n_before, params.sfreq or sfreq, params, where=str(run.file))
        yield block, kept
    if len(rows):
        check_ranges(lows, highs, picked, keep_flat=params.flat_channels == "keep", where=str(run.file))
