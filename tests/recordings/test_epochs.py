"""What cutting, correcting and resampling epochs promise; the last tests hold on a real recording."""

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.epochs import (
    Window,
    correct_baseline,
    crop_samples,
    cropped,
    cut_blocks,
    cut_epochs,
    filtered,
    is_complete,
    window_of,
)
from tests.recordings.tiny_study import smooth_signal


def cut_all(data, onsets, sfreq, params):
    """All epochs of a recording at once."""
    return np.concatenate([epochs for epochs, _ in cut_blocks(data, np.asarray(onsets), sfreq, params, where="a.npy")])


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


def test_crop_excludes_the_stop():
    assert crop_samples(0.0, 1.0, 250) == slice(0, 250)
    assert crop_samples(-0.2, 0.8, 250) == slice(-50, 200)
    assert crop_samples(-0.2, 0.8, 128) == slice(-25, 103)  # -0.195 s is the first sample not before -0.2 s


def test_all_steps_give_250_samples_from_onset_on(settings):
    times = np.arange(5000) / 1000
    data = np.stack([smooth_signal(times - 1), 2 * smooth_signal(times - 1)]) + 3
    epochs = cut_all(data, np.array([1000, 2500]), 1000.0, settings(baseline="none"))
    assert (epochs.shape, epochs.dtype) == ((2, 2, 250), np.float32)
    expected = smooth_signal(np.arange(250) / 250)
    np.testing.assert_allclose(epochs[0, :, :-10] - 3, np.stack([expected, 2 * expected])[:, :-10], atol=0.002)


@pytest.mark.parametrize(
    ("sfreq", "new"), [(128.0, 250.0), (1000.0, None), (512.0, 250.0), (2034.5, 200.0), (100, 333)]
)
def test_any_rates_give_the_cropped_samples(settings, sfreq, new):
    data = np.random.default_rng(0).standard_normal((2, round(5 * sfreq)))
    epochs = cut_all(data, np.array([round(2 * sfreq)]), sfreq, settings(sfreq=new, tmax=0.83, crop__stop=0.83))
    assert epochs.shape[-1] == np.ceil(round(0.83 * (new or sfreq), 6))
    assert np.isfinite(epochs).all()


def test_epochs_beyond_either_end_are_incomplete():
    onsets = np.array([1, 2, 50, 94, 95])
    assert is_complete(onsets, Window(-2, 5), n_samples=100).tolist() == [False, True, True, True, False]


def test_epochs_beyond_the_limit_are_rejected_before_any_scaling(settings):
    data = np.random.default_rng(0).standard_normal((2, 30_000)) * 1e-6
    data[1, 5000], data[0, 12_100] = 80e-6, 60e-6
    onsets = np.arange(1000, 28_000, 1000)
    params = settings(reject_peak_to_peak=75e-6, baseline="zscore")
    blocks = list(cut_blocks(data, onsets, 1000.0, params, where="a.npy"))
    kept = np.concatenate([kept for _, kept in blocks])
    assert onsets[~kept].tolist() == [4000, 5000]  # the peak at 5 s ends one epoch and starts the next
    assert [len(epochs) for epochs, _ in blocks] == [kept.sum() for _, kept in blocks]
    everything = cut_all(data, onsets, 1000.0, settings(baseline="zscore"))
    assert np.array_equal(np.concatenate([epochs for epochs, _ in blocks]), everything[kept])


def test_a_crop_beyond_the_trials_is_named(settings):
    with pytest.raises(InputError, match=r"a\.npy: preprocess.crop is 0.0..1.0 s, but the trials span -0.2..0.8 s"):
        cropped(np.zeros((1, 1, 100)), 20, 100.0, settings(), where="a.npy")


def test_a_crop_between_two_samples_is_named(settings):
    params = settings(crop={"start": 0.1, "stop": 0.2})
    with pytest.raises(
        InputError, match=r"a\.npy: preprocess.crop is 0.1..0.2 s, which holds no sample at 2 Hz; widen"
    ):
        cropped(np.zeros((1, 1, 100)), 20, 2.0, params, where="a.npy")


@pytest.mark.parametrize("sfreq", [1e-300, 0.5, 1e9, 1e300])
def test_whatever_rate_a_header_claims_no_epoch_reaches_beyond_the_recording(sfreq):
    onsets, window = np.array([0, 50, 99]), window_of(-0.2, 1.0, sfreq)
    expected = [onset + window.first >= 0 and onset + window.last < 100 for onset in onsets.tolist()]
    assert is_complete(onsets, window, 100).tolist() == expected


def test_batches_do_not_change_epochs(settings):
    data = np.random.default_rng(0).standard_normal((2, 30_000))
    onsets = np.arange(300, 28_000, 701)
    together = cut_all(data, onsets, 1000.0, settings())
    for i, onset in enumerate(onsets):
        assert np.array_equal(cut_all(data, [onset], 1000.0, settings())[0], together[i])


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
    epochs = cut_all(filtered(data, sfreq, 1.0, 30.0, where="eeglab"), onsets, sfreq, wanted)
    power = epochs.mean(axis=0, dtype=np.float64).std(axis=0) * 1e6  # global field power, µV
    times = -0.2 + np.arange(len(power)) / (new_sfreq or sfreq)
    assert power[times < 0].mean() == pytest.approx(1.5, abs=0.3)
    assert power[times > 0].max() == pytest.approx(9.5, abs=0.3)
