"""Epochs at another sampling rate, with onset on the new grid.

All sample times are exact. The authors of THINGS-EEG2 resample 1201 samples to 300 and keep the last 250, which are the
samples at 0, 4, ..., 996 ms. MNE pads such an epoch by 423 samples on its left, which is no multiple of four, so its
samples lie 1 ms late; here the padding is chosen such that onset falls on the new grid.
"""

import math
import os
from fractions import Fraction

import numpy as np

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.params import PreprocessParams

MIN_PADDING = 100  # samples before and after the epoch, as MNE's
LARGEST_RATIO = 1000  # of the new rate to the old; larger ones take long and much memory
FINEST = 2**13  # denominator of that ratio: 8192 Hz become 250 (125/4096) without a rest
TOLERANCE = 1e-3  # of the new rate: a thousandth of a second at the end of a second


def at_rate(
    epochs: np.ndarray, n_before: int, sfreq: float, params: PreprocessParams, *, where: str
) -> tuple[np.ndarray, int]:
    """Bring epochs recorded at `sfreq` (Hz) to ``preprocess.sfreq``, as ``preprocess.resampling`` says.

    Parameters
    ----------
    epochs : ndarray, shape (n_epochs, n_channels, n_times)
    n_before : int
        Samples before onset.
    sfreq : float
        Hz.
    params : PreprocessParams
    where : str
        The recording's file, for the error.

    Returns
    -------
    epochs : ndarray, shape (n_epochs, n_channels, n_new)
    n_before : int
        New samples before onset.

    Raises
    ------
    InputError
        If epochs cannot be brought or decimated to that rate.
    """
    wanted = (params.sfreq or sfreq) / sfreq
    ratio = Fraction(wanted).limit_denominator(FINEST)
    if wanted > LARGEST_RATIO or abs(float(ratio) - wanted) > TOLERANCE * wanted:
        raise InputError(
            f"{where}: preprocess.sfreq is {params.sfreq}, but the recording has {sfreq} Hz: their ratio must lie "
            f"within 1/{FINEST} and {LARGEST_RATIO}; change it, or correct the recording's rate"
        )
    if params.resampling == "fourier" or ratio == 1:
        return resample_epochs(epochs, n_before, ratio)
    if ratio.numerator != 1:
        possible = sfreq / math.ceil(1 / ratio)
        raise InputError(
            f"{where}: preprocess.sfreq is {params.sfreq}, but {sfreq} Hz can only be decimated to a rate that it is a "
            f"whole multiple of, such as {possible}; change it, or set preprocess.resampling=fourier"
        )
    return decimate_epochs(epochs, n_before, ratio.denominator)


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


def decimate_epochs(epochs: np.ndarray, n_before: int, factor: int) -> tuple[np.ndarray, int]:
    """Keep every `factor`-th sample, onset among them; what lies above the new Nyquist frequency folds back.

    Parameters and return values are those of :func:`resample_epochs`.
    """
    return epochs[..., n_before % factor :: factor], n_before // factor


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
