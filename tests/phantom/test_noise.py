"""What the noise promises."""

import numpy as np
import pytest

from pipeline_lib.phantom.electrodes import CHANNELS
from pipeline_lib.phantom.modality import MODALITIES
from pipeline_lib.phantom.noise import KNEE, LOWPASS, random_spectrum, recorded_noise, scaled
from pipeline_lib.phantom.person import make_person

SFREQ, N_SAMPLES = 1000.0, 60_000


@pytest.fixture(scope="module")
def model():
    return make_person(1, 1, MODALITIES["eeg"]).noise


@pytest.fixture(scope="module")
def noise(model):
    return recorded_noise(model, np.random.default_rng(0), N_SAMPLES, SFREQ)


def power(signal):
    """Power by frequency in steps of 0.5 Hz, shape (n_channels, n_bins)."""
    pieces = signal[:, : N_SAMPLES // 2000 * 2000].reshape(len(signal), -1, 2000) * np.hanning(2000)
    return (np.abs(np.fft.rfft(pieces, axis=2)) ** 2).mean(axis=1)


def channels(*names):
    return [CHANNELS.index(name) for name in names]


def test_is_as_loud_as_a_resting_eeg(noise):
    assert noise.shape == (63, N_SAMPLES)
    assert 10e-6 < np.sqrt((noise**2).mean()) < 20e-6


def test_power_falls_as_one_over_f(noise):
    spectrum = power(noise).mean(axis=0)
    assert spectrum[4] / spectrum[50] == pytest.approx(25 / 2, rel=0.6)  # 2 Hz and 25 Hz
    assert spectrum[2 * int(LOWPASS) + 10 :].max() < 1e-4 * spectrum[50]


def test_alpha_lives_at_ten_hertz_at_the_back(noise):
    spectrum = power(noise)
    peak = spectrum[:, 18:23].max(axis=1) / spectrum[:, [12, 30]].mean(axis=1)
    back, front = channels("O1", "Oz", "O2", "POz", "PO3", "PO4"), channels("AF3", "AF4", "F3", "F4", "F1", "F2")
    assert peak[back].mean() > 5
    assert peak[back].mean() > 3 * peak[front].mean()


def test_neighbours_share_more_than_distant_electrodes(noise):
    correlation = np.corrcoef(noise)
    near = correlation[channels("O1", "P3", "C3", "T8"), channels("Oz", "P1", "C1", "TP8")]
    far = correlation[channels("O1", "T7", "P7"), channels("Fp2", "T8", "AF8")]
    assert near.min() > 0.5
    assert np.abs(far).max() < near.min()


def test_one_generator_state_gives_one_noise(model):
    first, again, other = (recorded_noise(model, np.random.default_rng(seed), 500, SFREQ) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert np.abs(np.corrcoef(first[0], other[0])[0, 1]) < 0.9


@pytest.mark.parametrize("shape", ["white", "falling"])
def test_spectra_have_unit_variance_in_time(shape):
    frequency = np.arange(1, 1001) / 10
    amplitude = np.ones(1000) if shape == "white" else np.maximum(frequency, KNEE) ** -0.5
    spectrum = random_spectrum(np.random.default_rng(0), 200, amplitude)
    series = np.fft.irfft(np.pad(spectrum, ((0, 0), (1, 0))), n=10_000, axis=1, norm="forward")
    assert series.var() == pytest.approx(1, rel=0.05)


def test_scaling_by_hand():
    # Sources of unit variance: channel variances are 9 + 16 and 0 + 25, so the rms over channels is 5.
    assert scaled(np.array([[3.0, 4.0], [0.0, 5.0]]), 10.0).tolist() == [[6.0, 8.0], [0.0, 10.0]]
