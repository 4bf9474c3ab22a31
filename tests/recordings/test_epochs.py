"""What cutting, correcting and resampling epochs promise; the last tests hold on a real recording."""

from fractions import Fraction

import numpy as np
import pytest
import scipy.signal

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.epochs import (
    Window,
    correct_baseline,
    crop_samples,
    cut_epochs,
    epochs_around,
    filtered,
    resample_epochs,
    window_of,
)


def test_window_covers_tmin_to_tmax():
    assert window_of(-0.2, 1.0, 1000) == (-200, 1000)
    assert window_of(-0.1, 1.1, 1000) == (-100, 1100)  # 1.1 * 1000 is a little more than 1100 in floating point
    assert window_of(-0.2, 0.8, 128) == (-26, 103)


def test_cut_by_hand():
    data = np.arange(20).reshape(2, 10)
    assert cut_epochs(data, np.array([2, 5]), Window(-1, 2)).tolist() == [
        [[1, 2, 3, 4], [11, 12, 13, 14]],
        [[4, 5, 6, 7], [14, 15, 16, 17]],
    ]


@pytest.mark.parametrize("onset", [0, 8])
def test_an_epoch_beyond_the_recording_is_never_cut(onset):
    with pytest.raises(ValueError, match="beyond the recording"):
        cut_epochs(np.zeros((1, 10)), np.array([5, onset]), Window(-1, 2))


def test_baseline_by_hand():
    epochs = np.array([[[1.0, 3.0, 5.0, 9.0]]])
    assert correct_baseline(epochs, 2, "mean").tolist() == [[[-2, 0, 2, 6]]]  # 1, 3 and, at onset, 5
    assert correct_baseline(epochs, 1, "zscore").tolist() == [[[-1, 1, 3, 7]]]
    assert correct_baseline(epochs, 1, "none") is epochs
    assert epochs.tolist() == [[[1, 3, 5, 9]]]


def test_baseline_equals_mne():
    rescale = pytest.importorskip("mne.baseline").rescale
    epochs, times = np.random.default_rng(0).standard_normal((3, 2, 50)), np.arange(-20, 30) / 100
    for ours, theirs in (("mean", "mean"), ("zscore", "zscore")):
        expected = rescale(epochs.copy(), times, (None, 0), mode=theirs, verbose="error")
        np.testing.assert_allclose(correct_baseline(epochs, 20, ours), expected, rtol=1e-12)


def test_a_constant_baseline_is_not_divided_by():
    assert correct_baseline(np.array([[[2.0, 2.0, 5.0]]]), 1, "zscore").tolist() == [[[0, 0, 3]]]


def smooth_signal(times):
    """Slow enough for any rate used here."""
    return np.sin(2 * np.pi * 7 * times + 0.3) + 0.5 * np.cos(2 * np.pi * 3.1 * times)


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
    from pipeline_lib.recordings.epochs import _fourier_resample

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


def test_crop_excludes_the_stop():
    assert crop_samples(0.0, 1.0, 250) == slice(0, 250)
    assert crop_samples(-0.2, 0.8, 250) == slice(-50, 200)
    assert crop_samples(-0.2, 0.8, 128) == slice(-25, 103)  # -0.195 s is the first sample not before -0.2 s


def test_all_steps_give_250_samples_from_onset_on(settings):
    times = np.arange(5000) / 1000
    data = np.stack([smooth_signal(times - 1), 2 * smooth_signal(times - 1)]) + 3
    epochs = epochs_around(data, np.array([1000, 2500]), 1000.0, settings(baseline="none"))
    assert (epochs.shape, epochs.dtype) == ((2, 2, 250), np.float32)
    expected = smooth_signal(np.arange(250) / 250)
    np.testing.assert_allclose(epochs[0, :, :-10] - 3, np.stack([expected, 2 * expected])[:, :-10], atol=0.002)


@pytest.mark.parametrize(
    ("sfreq", "new"), [(128.0, 250.0), (1000.0, None), (512.0, 250.0), (2034.5, 200.0), (100, 333)]
)
def test_any_rates_give_the_cropped_samples(settings, sfreq, new):
    data = np.random.default_rng(0).standard_normal((2, round(5 * sfreq)))
    epochs = epochs_around(data, np.array([round(2 * sfreq)]), sfreq, settings(sfreq=new, tmax=0.83, crop__stop=0.83))
    assert epochs.shape[-1] == np.ceil(round(0.83 * (new or sfreq), 6))
    assert np.isfinite(epochs).all()


def test_batches_do_not_change_epochs(settings):
    data = np.random.default_rng(0).standard_normal((2, 30_000))
    onsets = np.arange(300, 28_000, 701)
    together = epochs_around(data, onsets, 1000.0, settings())
    for i, onset in enumerate(onsets):
        assert np.array_equal(epochs_around(data, [onset], 1000.0, settings())[0], together[i])


def test_a_filter_edge_above_nyquist_is_refused():
    with pytest.raises(InputError, match=r"a\.npy: preprocess.filter.high is 80.0, allowed: below 64.0 Hz here"):
        filtered(np.zeros((1, 100)), 128.0, None, 80.0, where="a.npy")
    data = np.zeros((1, 100))
    assert filtered(data, 128.0, None, None, where="a.npy") is data


@pytest.fixture(scope="module")
def eeglab_sample(real_data):
    """Channels x samples in volts, the onsets of "square", and the rate of a real EEG recording."""
    mne = pytest.importorskip("mne")
    raw = mne.io.read_raw_eeglab(real_data / "recordings/eeglab_sample/eeglab_data.set", preload=True, verbose="error")
    events, names = mne.events_from_annotations(raw, verbose="error")
    onsets = events[events[:, 2] == names["square"], 0]
    return raw.get_data(), onsets, raw.info["sfreq"]


@pytest.mark.parametrize("new_sfreq", [None, 250.0])
def test_the_evoked_effect_of_a_real_recording(eeglab_sample, settings, new_sfreq):
    data, onsets, sfreq = eeglab_sample
    assert (data.shape[0], len(onsets), sfreq) == (32, 80, 128.0)
    wanted = settings(tmin=-0.2, tmax=0.8, sfreq=new_sfreq, crop={"start": -0.2, "stop": 0.8})
    epochs = epochs_around(filtered(data, sfreq, 1.0, 30.0, where="eeglab"), onsets, sfreq, wanted)
    power = epochs.mean(axis=0, dtype=np.float64).std(axis=0) * 1e6  # global field power, µV
    times = -0.2 + np.arange(len(power)) / (new_sfreq or sfreq)
    assert power[times < 0].mean() == pytest.approx(1.5, abs=0.3)
    assert power[times > 0].max() == pytest.approx(9.5, abs=0.3)
