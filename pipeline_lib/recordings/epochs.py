"""Epochs: cut around onsets, rejected, baseline-corrected, cropped. Plain functions on arrays, any recording."""

import math
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.params import PreprocessParams
from pipeline_lib.recordings.resampling import at_rate

BATCH = 8  # epochs worked on at a time: more fall out of the processor's cache


class Window(NamedTuple):
    """Samples of an epoch relative to its onset, both included."""

    first: int
    last: int


def window_of(tmin: float, tmax: float, sfreq: float) -> Window:
    """The samples at `sfreq` (Hz) that cover `tmin` to `tmax` (seconds)."""
    return Window(_last_until(tmin * sfreq), _first_from(tmax * sfreq))


def is_complete(onsets: np.ndarray, window: Window, n_samples: int) -> np.ndarray:
    """Whether each epoch lies within a recording of `n_samples`, shape (n_events,)."""
    return (onsets >= -window.first) & (onsets < n_samples - window.last)


def cut_epochs(data: np.ndarray, onsets: np.ndarray, window: Window) -> np.ndarray:
    """Cut epochs out of a continuous recording.

    Parameters
    ----------
    data : ndarray, shape (n_channels, n_samples)
    onsets : ndarray of int, shape (n_epochs,)
        Samples; every window must lie within the data.
    window : Window

    Returns
    -------
    ndarray of float64, shape (n_epochs, n_channels, n_times)

    Raises
    ------
    ValueError
        If an epoch reaches beyond the recording.
    """
    starts, length = np.asarray(onsets) + window.first, window.last - window.first + 1
    if len(starts) and (starts.min() < 0 or starts.max() + length > data.shape[1]):
        raise ValueError(f"an epoch of {length} samples reaches beyond the recording's {data.shape[1]}")
    epochs = np.empty((len(starts), len(data), length))
    for epoch, start in zip(epochs, starts, strict=True):
        epoch[:] = data[:, start : start + length]
    return epochs


def correct_baseline(epochs: np.ndarray, n_before: int, mode: Literal["mean", "zscore", "none"]) -> np.ndarray:
    """Subtract the mean of the samples up to and including onset, as MNE does for ``baseline=(None, 0)``.

    Parameters
    ----------
    epochs : ndarray, shape (n_epochs, n_channels, n_times)
        Not changed.
    n_before : int
        Samples before onset.
    mode : {"mean", "zscore", "none"}
        ``"zscore"`` also divides by the standard deviation of those samples; a channel that is constant there is left
        undivided.
    """
    if mode == "none":
        return epochs
    before = epochs[..., : n_before + 1]
    centred = epochs - before.mean(axis=-1, keepdims=True)
    if mode == "zscore":
        deviation = before.std(axis=-1, keepdims=True)
        centred /= np.where(deviation > 0, deviation, 1)
    return centred


def crop_samples(start: float, stop: float, sfreq: float) -> slice:
    """Samples relative to onset with start <= time < stop (seconds): 0..1 s at 250 Hz are samples 0 to 249."""
    return slice(_first_from(start * sfreq), _first_from(stop * sfreq))


def filtered(data: np.ndarray, sfreq: float, low: float | None, high: float | None, *, where: str) -> np.ndarray:
    """Band-pass a continuous recording with MNE's zero-phase FIR filter; both edges None returns `data` itself.

    Parameters
    ----------
    data : ndarray, shape (n_channels, n_samples)
    sfreq : float
        Hz.
    low, high : float or None
        Edges of the pass band in Hz.
    where : str
        The recording's file, for the error.

    Raises
    ------
    InputError
        If an edge is not below half the sampling rate.
    """
    if low is None and high is None:
        return data
    for name, edge in (("low", low), ("high", high)):
        if edge is not None and edge >= sfreq / 2:
            raise InputError(f"{where}: preprocess.filter.{name} is {edge}, allowed: below {sfreq / 2} Hz here")
    import mne

    return mne.filter.filter_data(np.asarray(data, dtype=np.float64), sfreq, low, high, verbose="error")


def cut_blocks(
    data: np.ndarray, onsets: np.ndarray, sfreq: float, params: PreprocessParams, *, where: str
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cut, reject, correct, resample and crop the epochs of a recording, a few at a time.

    Parameters
    ----------
    data : ndarray, shape (n_channels, n_samples)
        Filtered where wanted.
    onsets : ndarray of int, shape (n_epochs,)
        Samples; see :func:`cut_epochs`.
    sfreq : float
        Of `data`, Hz.
    params : PreprocessParams
    where : str
        The recording's file, for errors.

    Yields
    ------
    epochs : ndarray of float32, shape (n_kept, n_channels, n_times)
        In the unit of `data`, or in deviations of the baseline.
    kept : ndarray of bool, shape (n_epochs of the block,)
        Which epochs they are: the others exceed ``preprocess.reject_peak_to_peak`` between tmin and tmax.
    """
    window = window_of(params.tmin, params.tmax, sfreq)
    for start in range(0, len(onsets), BATCH):
        batch = cut_epochs(data, onsets[start : start + BATCH], window)
        kept = within_peak_to_peak(batch, params.reject_peak_to_peak)
        batch = correct_baseline(batch[kept], -window.first, params.baseline).astype(np.float32)
        batch, n_before = at_rate(batch, -window.first, sfreq, params, where=where)
        yield cropped(batch, n_before, params.sfreq or sfreq, params, where=where), kept


def within_peak_to_peak(epochs: np.ndarray, limit: float | None) -> np.ndarray:
    """Which epochs stay within `limit` (in their unit) from lowest to highest sample in every channel; None: all."""
    if limit is None:
        return np.ones(len(epochs), dtype=bool)
    return (np.ptp(epochs, axis=-1) <= limit).all(axis=-1)


def cropped(epochs: np.ndarray, n_before: int, sfreq: float, params: PreprocessParams, *, where: str) -> np.ndarray:
    """The samples of ``preprocess.crop`` of epochs at `sfreq` with `n_before` samples before onset.

    Raises
    ------
    InputError
        If the epochs do not reach that far, or no sample is left; names the recording's file, `where`.
    """
    crop = crop_samples(params.crop.start, params.crop.stop, sfreq)
    if crop.stop <= crop.start:
        wanted = f"{params.crop.start}..{params.crop.stop} s"
        raise InputError(f"{where}: preprocess.crop is {wanted}, which holds no sample at {sfreq:g} Hz; widen it")
    first, stop = n_before + crop.start, n_before + crop.stop
    if first < 0 or stop > epochs.shape[-1]:
        wanted, start, end = params.crop, -n_before / sfreq, (epochs.shape[-1] - n_before) / sfreq
        raise InputError(
            f"{where}: preprocess.crop is {wanted.start}..{wanted.stop} s, but the trials span {start:g}..{end:g} s; "
            "change it, or preprocess.tmin and tmax"
        )
    return epochs[..., first:stop]


def _first_from(position: float) -> int:
    """The first whole sample at or after a position, forgiving the rounding of seconds times Hz."""
    return math.ceil(round(position, 6))


def _last_until(position: float) -> int:
    return math.floor(round(position, 6))
