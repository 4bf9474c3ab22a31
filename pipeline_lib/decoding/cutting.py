"""From a recording to epochs as the model was trained on: the very steps of stage `preprocess`, up to whitening."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError
from pipeline_lib.decoding.opened import Continuous, CutTrials
from pipeline_lib.decoding.reading import Sensors, found_channels, mixing_of
from pipeline_lib.decoding.shown import Say
from pipeline_lib.recordings.cutting import CUT_BLOCK, Blocks, epoch_blocks
from pipeline_lib.recordings.epochs import (
    correct_baseline,
    cropped,
    is_complete,
    window_of,
    within_peak_to_peak,
)
from pipeline_lib.recordings.params import PreprocessParams
from pipeline_lib.recordings.recording import Run, Signal
from pipeline_lib.recordings.resampling import at_rate


def cut_recording(
    opened: Continuous, onsets: np.ndarray, sensors: Sensors, params: PreprocessParams, say: Say
) -> tuple[np.ndarray, np.ndarray]:
    """The epochs of a continuous recording.

    Parameters
    ----------
    opened : Continuous
    onsets : ndarray of int, shape (n_events,)
        Samples.
    sensors : Sensors
    params : PreprocessParams
        The model's.
    say : callable

    Returns
    -------
    epochs : ndarray of float32, shape (n_kept, n_channels, n_times)
    kept : ndarray of bool, shape (n_events,)
        Which events they are: the others exceed ``preprocess.reject_peak_to_peak``.

    Raises
    ------
    InputError
        If the recording is shorter than an epoch, an epoch is not wholly in it, or a channel is missing.
    """
    check_inside(onsets, opened.n_samples, opened.header.sfreq, params, opened.file)
    params = at_any_rate(params, opened.header.sfreq, opened.file, say)
    found = found_channels(opened, sensors, say)
    data = opened.read(np.array(list(found.rows.values())))
    mixing = mixing_of(opened, found, data.min(axis=1), data.max(axis=1), sensors, say)
    names = list(sensors.ch_names)
    signal = Signal(names, list(sensors.ch_types), opened.header.sfreq, mixing(data))
    events = pd.DataFrame({"onset": onsets, "dropped": ""})
    run = Run(1, opened.file, lambda: signal, lambda: events, lambda: signal)
    return _together(epoch_blocks(run, events, names, params)[1])


def cut_trials(
    opened: CutTrials, trials: np.ndarray, sensors: Sensors, params: PreprocessParams, say: Say
) -> tuple[np.ndarray, np.ndarray]:
    """The epochs of trials that are cut already, which cannot be filtered any more.

    Parameters and return values are those of :func:`cut_recording`, `trials` being numbers of trials.
    """
    sfreq = opened.header.sfreq
    params = at_any_rate(params, sfreq, opened.file, say)
    if params.filter.low is not None or params.filter.high is not None:
        say(f"{opened.file}: the trials are cut already, so the model's filter ({_edges(params)}) is not applied")
    part, params = _model_epoch(opened, params, say)
    found = found_channels(opened, sensors, say)
    rows = np.array(list(found.rows.values()))
    lows, highs = _ranges(opened, trials, rows)
    mixing = mixing_of(opened, found, lows, highs, sensors, say)
    n_before = round(-opened.tmin * sfreq) - part.start

    def blocks() -> Blocks:
        for start in range(0, len(trials), CUT_BLOCK):
            read = opened.read(trials[start : start + CUT_BLOCK], rows)[..., part]
            block = mixing(read.astype(np.float64))
            kept = within_peak_to_peak(block, params.reject_peak_to_peak)
            block = correct_baseline(block[kept], n_before, params.baseline).astype(np.float32)
            block, before = at_rate(block, n_before, sfreq, params, where=str(opened.file))
            yield cropped(block, before, params.sfreq or sfreq, params, where=str(opened.file)), kept

    return _together(blocks())


def at_any_rate(params: PreprocessParams, sfreq: float, file: Path, say: Say) -> PreprocessParams:
    """Settings that bring `sfreq` (Hz) to the model's rate: by Fourier interpolation where it is no multiple of it."""
    wanted = params.sfreq or sfreq
    if sfreq < wanted:
        say(f"{file}: {sfreq:g} Hz is less than the model's {wanted:g} Hz; nothing above {sfreq / 2:g} Hz is in it")
    if params.resampling == "decimate" and abs(sfreq / wanted - round(sfreq / wanted)) > 1e-6:
        say(f"{file}: {sfreq:g} Hz is no multiple of the model's {wanted:g} Hz; resampled by Fourier interpolation")
        return params.model_copy(update={"resampling": "fourier"})
    return params


def check_inside(onsets: np.ndarray, n_samples: int, sfreq: float, params: PreprocessParams, file: Path) -> None:
    """Refuse a recording shorter than an epoch, and events whose epoch is not wholly in it.

    Raises
    ------
    InputError
        Naming how many events, and the first.
    """
    window, lasts = window_of(params.tmin, params.tmax, sfreq), n_samples / sfreq
    span = f"{params.tmin:g}..{params.tmax:g} s around each onset"
    if n_samples < window.last - window.first + 1:
        raise InputError(f"{file}: the recording lasts {lasts:g} s, too short for the model's window, {span}")
    outside = onsets[~is_complete(onsets, window, n_samples)]
    if len(outside):
        raise InputError(
            f"{file}: the recording lasts {lasts:g} s, and {len(outside)} of {len(onsets)} events do not lie in it "
            f"with the model's window, {span}; the first at {outside[0] / sfreq:g} s; "
            "correct or remove them; onsets count seconds"
        )


def _model_epoch(opened: CutTrials, params: PreprocessParams, say: Say) -> tuple[slice, PreprocessParams]:
    """The samples of a trial that are the model's epoch, and settings without a baseline where that is not there."""
    before = round(-opened.tmin * opened.header.sfreq)
    window = window_of(params.tmin, params.tmax, opened.header.sfreq)
    part = slice(max(0, before + window.first), max(0, before + window.last + 1))
    if before + window.first >= 0 or params.baseline == "none":
        return part, params
    say(
        f"{opened.file}: the trials start at {opened.tmin:g} s, later than the model's baseline ({params.tmin:g} s); "
        "their own baseline is kept"
    )
    return part, params.model_copy(update={"baseline": "none"})


def _ranges(opened: CutTrials, trials: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest value of each channel over all trials."""
    lows, highs = np.full(len(rows), np.inf), np.full(len(rows), -np.inf)
    for start in range(0, len(trials), CUT_BLOCK):
        block = opened.read(trials[start : start + CUT_BLOCK], rows)
        lows, highs = np.minimum(lows, block.min(axis=(0, 2))), np.maximum(highs, block.max(axis=(0, 2)))
    return lows, highs


def _together(blocks: Blocks) -> tuple[np.ndarray, np.ndarray]:
    epochs, kept = zip(*blocks, strict=True)
    return np.concatenate(epochs), np.concatenate(kept)


def _edges(params: PreprocessParams) -> str:
    low, high = params.filter.low, params.filter.high
    return f"{'' if low is None else f'{low:g}'}..{'' if high is None else f'{high:g}'} Hz"
