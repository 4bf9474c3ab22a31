"""What resampling epochs promises: samples at the times they claim."""

from fractions import Fraction

import numpy as np
import pytest
import scipy.signal

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.resampling import at_rate, decimate_epochs, resample_epochs
from tests.recordings.tiny_study import smooth_signal


@pytest.mark.parametrize(
    ("first", "last", "sfreq", "new_sfreq"),
    [
        (-200, 1000, 1000, 250),
        (-201, 998, 1000, 250),
        (-26, 103, 128, 250),
        (-120, 1560, 1200, 200),
        (100, 900, 1000, 250),
    ],
)
def test_resampled_samples_stand_at_the_times_they_claim(first, last, sfreq, new_sfreq):
    epochs = smooth_signal(np.arange(first, last + 1) / sfreq)[None, None]
    resampled, n_before = resample_epochs(epochs, -first, Fraction(new_sfreq, sfreq))
    times = (np.arange(resampled.shape[-1]) - n_before) / new_sfreq
    assert first / sfreq <= times[0] < first / sfreq + 1 / new_sfreq
    assert last / sfreq - 1 / new_sfreq < times[-1] <= last / sfreq
    inner = (times > times[0] + 0.05) & (times < times[-1] - 0.05)
    np.testing.assert_allclose(resampled[0, 0, inner], smooth_signal(times[inner]), atol=0.002)


def test_a_millisecond_of_delay_would_be_seen():
    """MNE's own padding delays these 1201 samples by 1 ms; ours does not."""
    epochs = smooth_signal(np.arange(-200, 1001) / 1000)[None, None]
    resampled, n_before = resample_epochs(epochs, 200, Fraction(1, 4))
    times, inner = (np.arange(resampled.shape[-1]) - n_before) / 250, slice(60, 240)
    errors = [np.abs(resampled[0, 0] - smooth_signal(times + delay))[inner].max() for delay in (-1e-3, 0, 1e-3)]
    assert errors[1] < 0.1 * min(errors[0], errors[2])


@pytest.mark.parametrize(("n_old", "n_new"), [(1408, 352), (1407, 352), (100, 250), (101, 255), (64, 64)])
def test_fourier_resampling_equals_scipys(n_old, n_new):
    from pipeline_lib.recordings.resampling import _fourier_resample

    x = np.random.default_rng(0).standard_normal((2, 3, n_old))
    np.testing.assert_allclose(_fourier_resample(x, n_new), scipy.signal.resample(x, n_new, axis=-1), atol=1e-12)


def test_frequencies_above_the_new_nyquist_are_removed():
    times = np.arange(-200, 1001) / 1000
    resampled, _ = resample_epochs(np.sin(2 * np.pi * 180 * times)[None, None], 200, Fraction(1, 4))
    assert np.abs(resampled[..., 20:-20]).max() < 0.02


def test_resampling_a_constant_keeps_it_and_a_rate_of_one_does_nothing():
    epochs = np.full((2, 3, 1201), 7.0, dtype=np.float32)
    resampled, n_before = resample_epochs(epochs, 200, Fraction(1, 4))
    assert (resampled.shape, resampled.dtype, n_before) == ((2, 3, 301), np.float32, 50)
    np.testing.assert_allclose(resampled, 7, rtol=1e-6)
    assert resample_epochs(epochs, 200, Fraction(1))[0] is epochs


def test_an_epoch_shorter_than_its_padding_is_resampled():
    epochs = np.linspace(0, 1, 11)[None, None]
    resampled, n_before = resample_epochs(epochs, 4, Fraction(1, 2))
    assert (resampled.shape[-1], n_before) == (6, 2)
    np.testing.assert_allclose(resampled[0, 0], np.linspace(0, 1, 6), atol=0.02)


def test_decimated_samples_are_those_of_the_recording_and_onset_is_one_of_them():
    epochs = np.arange(1681.0).reshape(1, 1, -1)  # -0.1 to 1.3 s at 1200 Hz
    decimated, n_before = decimate_epochs(epochs, 120, 6)
    assert (decimated.shape[-1], n_before, decimated[0, 0, n_before]) == (281, 20, 120)
    shifted, n_before = decimate_epochs(epochs, 121, 6)
    assert (shifted[0, 0, n_before], shifted[0, 0, 0]) == (121, 1)


@pytest.mark.parametrize("sfreq", [2048.0, 4096.0, 5000.0, 8192.0, 16384.0])
def test_the_rates_of_amplifiers_are_left_exactly(settings, sfreq):
    """An epoch that is whole at both rates is whole afterwards, too: no sample is lost to a rounded ratio."""
    n_before = round(0.5 * sfreq)
    epochs = smooth_signal(np.arange(-n_before, round(sfreq) + 1) / sfreq)[None, None]
    resampled, new_before = at_rate(epochs, n_before, sfreq, settings(sfreq=250.0), where="x")
    assert (new_before, resampled.shape[-1]) == (125, 376)
    times = (np.arange(376) - 125) / 250
    np.testing.assert_allclose(resampled[0, 0, 25:-25], smooth_signal(times[25:-25]), atol=0.002)


def test_only_whole_multiples_are_decimated(settings):
    params = settings(resampling="decimate", sfreq=500.0)
    with pytest.raises(
        InputError, match=r"a\.npy: preprocess.sfreq is 500.0, but 1200.0 Hz .* such as 400.0; .*resampling=fourier"
    ):
        at_rate(np.zeros((1, 1, 100)), 10, 1200.0, params, where="a.npy")
    same = np.zeros((1, 1, 100))
    assert at_rate(same, 10, 500.0, params, where="a.npy")[0] is same


@pytest.mark.parametrize("sfreq", [1e-300, 0.2, 60_000.0, 250_000.0, 1e300])
@pytest.mark.parametrize("resampling", ["fourier", "decimate"])
def test_rates_too_far_apart_are_refused(settings, sfreq, resampling):
    params = settings(sfreq=250.0, resampling=resampling)
    if sfreq in (60_000.0, 250_000.0):  # whole multiples up to 1000
        assert at_rate(np.zeros((1, 1, 1000)), 0, sfreq, params, where="a.npy")[0].shape == (1, 1, -(-250_000 // sfreq))
        return
    with pytest.raises(
        InputError, match=r"a\.npy: preprocess.sfreq is 250.0, but the recording has .* Hz: their ratio"
    ):
        at_rate(np.zeros((1, 1, 1000)), 0, sfreq, params, where="a.npy")
