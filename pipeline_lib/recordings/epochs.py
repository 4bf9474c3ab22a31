"""Epochs: cut around onsets, baseline-corrected, resampled, cropped. Plain functions on arrays, any recording.

All sample times are exact. The authors of THINGS-EEG2 resample 1201 samples to 300 and keep the last 250, which are the
samples at 0, 4, ..., 996 ms. MNE pads such an epoch by 423 samples on its left, which is no multiple of four, so its
samples lie 1 ms late; here the padding is chosen such that onset falls on the new grid.
"""

import math
import os
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.params import PreprocessParams

BATCH = 8  # epochs worked on at a time: more fall out of the processor's cache
MIN_PADDING = 100  # samples before and after the epoch, as MNE's


class Window(NamedTuple):
    """Samples of an epoch relative to its onset, both included."""

    first: int
    last: int


def window_of(tmin: float, tmax: float, sfreq: float) -> Window:
    """The samples at `sfreq` (Hz) that cover `tmin` to `tmax` (seconds)."""
    return Window(_last_until(tmin * sfreq), _first_from(tmax * sfreq))


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


def resample_epochs(epochs: np.ndarray, n_before: int, ratio: Fraction) -> tuple[np.ndarray, int]:
    """Change the sampling rate by Fourier interpolation, with a brick-wall filter at the lower Nyquist frequency.

    The ends are continued by odd reflection and the line between both ends is set aside during the transform, which
    takes signals for periodic: a jump from the last sample to the first would ring. The padding is a whole number of
    new samples as seen from onset, so that onset itself is one of the new samples.

    Parameters
    ----------
    epochs : ndarray, shape (n_epochs, n_channels, n_times)
    n_before : int
        Samples before onset; negative if the epoch starts after onset.
    ratio : Fraction
        New rate divided by old rate.

    Returns
    -------
    resampled : ndarray, shape (n_epochs, n_channels, n_new)
        All new samples that lie within the epoch; dtype of `epochs`.
    n_before : int
        New samples before onset.
    """
    if ratio == 1:
        return epochs, n_before
    up, down = ratio.numerator, ratio.denominator
    n_times = epochs.shape[-1]
    left, total = _padded_length(n_times, n_before, down)
    padded = _reflect(epochs, left, total - left - n_times)
    slope = (padded[..., -1:] - padded[..., :1]) / (total - 1)
    old_grid = np.arange(total, dtype=epochs.dtype)
    new_grid = np.arange(total * up // down, dtype=epochs.dtype) * (down / up)
    padded -= slope * old_grid
    resampled = _fourier_resample(padded, len(new_grid)) + slope * new_grid
    onset = (left + n_before) * up // down
    new_before = n_before * up // down
    new_after = (n_times - 1 - n_before) * up // down
    return resampled[..., onset - new_before : onset + new_after + 1], new_before


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


def epochs_around(data: np.ndarray, onsets: np.ndarray, sfreq: float, params: PreprocessParams) -> np.ndarray:
    """Cut, correct, resample and crop the epochs of a recording, a few at a time.

    Parameters
    ----------
    data : ndarray, shape (n_channels, n_samples)
        Filtered where wanted.
    onsets : ndarray of int, shape (n_epochs,)
        Samples; see :func:`cut_epochs`.
    sfreq : float
        Of `data`, Hz.
    params : PreprocessParams

    Returns
    -------
    ndarray of float32, shape (n_epochs, n_channels, n_times)
        In the unit of `data`.
    """
    window = window_of(params.tmin, params.tmax, sfreq)
    new_sfreq = params.sfreq or sfreq
    ratio = Fraction(new_sfreq / sfreq).limit_denominator(1000)
    crop = crop_samples(params.crop.start, params.crop.stop, new_sfreq)
    result = np.empty((len(onsets), len(data), crop.stop - crop.start), dtype=np.float32)
    for start in range(0, len(onsets), BATCH):
        batch = cut_epochs(data, onsets[start : start + BATCH], window)
        batch = correct_baseline(batch, -window.first, params.baseline).astype(np.float32)
        batch, n_before = resample_epochs(batch, -window.first, ratio)
        result[start : start + BATCH] = batch[..., n_before + crop.start : n_before + crop.stop]
    return result


def _first_from(position: float) -> int:
    """The first whole sample at or after a position, forgiving the rounding of seconds times Hz."""
    return math.ceil(round(position, 6))


def _last_until(position: float) -> int:
    return math.floor(round(position, 6))


def _padded_length(n_times: int, n_before: int, down: int) -> tuple[int, int]:
    """Samples to add on the left, and the padded length: whole new samples from onset, and quick to transform."""
    from scipy.fft import next_fast_len

    left = MIN_PADDING + -(MIN_PADDING + n_before) % down
    total = down * next_fast_len(-(-(left + n_times + MIN_PADDING) // down), real=True)
    return left, total


def _reflect(epochs: np.ndarray, left: int, right: int) -> np.ndarray:
    widths = [(0, 0)] * (epochs.ndim - 1) + [(left, right)]
    return np.pad(epochs, widths, mode="reflect", reflect_type="odd")


def _fourier_resample(x: np.ndarray, n_new: int) -> np.ndarray:
    """Resample periodic real signals along the last axis by cutting or extending their spectrum."""
    from scipy.fft import irfft, rfft

    n_old, workers = x.shape[-1], os.cpu_count() or 1
    kept = min(n_old, n_new)
    spectrum = rfft(x, axis=-1, workers=workers)[..., : kept // 2 + 1]
    if kept % 2 == 0 and n_new != n_old:
        # The bin at Nyquist stands for two frequencies, +f and -f, in the shorter signal and for one in the longer.
        spectrum[..., kept // 2] *= 2 if n_new < n_old else 0.5
    return irfft(spectrum, n_new, axis=-1, workers=workers) * (n_new / n_old)
