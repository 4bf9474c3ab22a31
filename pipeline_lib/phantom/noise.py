"""What sensors record when nothing is shown: 1/f activity of the whole brain, alpha rhythm, sensor noise."""

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len

LOWPASS = 100.0  # Hz, as the recordings' header says; noise above it would only cost time
KNEE = 0.5  # Hz: the 1/f power spectrum is flat below, so that the total does not grow with the recording's length
ALPHA_WIDTH = 0.8  # Hz


@dataclass(frozen=True)
class Levels:
    """How loud each kind of noise is: rms over sensors, in volts (EEG) or tesla (MEG)."""

    background: float
    alpha: float
    sensor: float


@dataclass(frozen=True)
class NoiseModel:
    """One person's ongoing activity.

    Attributes
    ----------
    background, alpha : ndarray, shape (n_channels, n_dipoles)
        How each dipole reaches the sensors; any scale.
    alpha_frequency : float
        Hz.
    levels : Levels
    """

    background: np.ndarray
    alpha: np.ndarray
    alpha_frequency: float
    levels: Levels


def recorded_noise(model: NoiseModel, rng: np.random.Generator, n_samples: int, sfreq: float) -> np.ndarray:
    """Noise of one recording, as alike at neighbouring sensors as brain activity is.

    Parameters
    ----------
    model : NoiseModel
        Where it comes from.
    rng : numpy.random.Generator
        Decides the time courses.
    n_samples : int
        Length.
    sfreq : float
        Sampling frequency in Hz.

    Returns
    -------
    ndarray of float64, shape (n_channels, n_samples)
        Volts or tesla.
    """
    length = next_fast_len(n_samples, real=True)
    frequency = np.arange(1, int(min(LOWPASS, sfreq / 2) * length / sfreq) + 1) * sfreq / length
    n_channels, n_alpha = model.alpha.shape
    alpha_peak = np.exp(-(((frequency - model.alpha_frequency) / ALPHA_WIDTH) ** 2) / 4)
    spectrum = np.zeros((n_channels, len(frequency) + 1), dtype=np.complex128)  # bin 0, the mean, stays zero
    spectrum[:, 1:] = model.levels.sensor * random_spectrum(rng, n_channels, np.ones_like(frequency))
    spectrum[:, 1:] += scaled(model.background, model.levels.background) @ random_spectrum(
        rng, model.background.shape[1], np.maximum(frequency, KNEE) ** -0.5
    )
    spectrum[:, 1:] += scaled(model.alpha, model.levels.alpha) @ random_spectrum(rng, n_alpha, alpha_peak)
    return irfft(spectrum, n=length, axis=1, norm="forward", workers=-1)[:, :n_samples]


def random_spectrum(rng: np.random.Generator, n_series: int, amplitude: np.ndarray) -> np.ndarray:
    """Spectra of independent Gaussian series of unit variance.

    Mixing spectra before going back to time is the same as mixing the series, at a fraction of the cost: there are
    ten times fewer frequencies below :data:`LOWPASS` than samples.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    n_series : int
        How many.
    amplitude : ndarray, shape (n_bins,)
        Relative amplitude at each positive frequency; white noise where it is constant.

    Returns
    -------
    ndarray of complex128, shape (n_series, n_bins)
        One-sided; each bin stands for itself and its negative frequency.
    """
    weight = amplitude / np.sqrt(4 * (amplitude**2).sum())
    return rng.standard_normal((n_series, 2 * len(amplitude))).view(np.complex128) * weight


def scaled(gain: np.ndarray, rms: float) -> np.ndarray:
    """`gain` times the factor that gives sources of unit variance this rms over sensors."""
    return gain * (rms / np.sqrt((gain**2).sum(axis=1).mean()))
