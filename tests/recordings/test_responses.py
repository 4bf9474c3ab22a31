"""What the measures of response quality promise."""

import numpy as np
import pytest

from pipeline_lib.recordings.responses import ResponseQuality, measure_responses
from pipeline_lib.recordings.spool import Spool

ONE_TIME = np.zeros(1)


def one_channel(values, images, test=None):
    """Measured on one channel and one sample."""
    epochs = np.array(values, dtype=np.float64).reshape(-1, 1, 1)
    test = np.zeros(len(values), dtype=bool) if test is None else np.array(test)
    return measure_responses(epochs, np.array(images), test, ONE_TIME)


def simulated(n_images, n_repeats, *, signal, seed=0, n_channels=4, n_times=20):
    """Trials in random order: signal of deviation `signal` that repeats share, and noise of deviation 1."""
    rng = np.random.default_rng(seed)
    images = rng.permutation(np.repeat(np.arange(n_images), n_repeats))
    responses = rng.standard_normal((n_images, n_channels, n_times)) * signal
    return responses[images] + rng.standard_normal((len(images), n_channels, n_times)), images


def measured(epochs, images, times=None):
    times = np.arange(epochs.shape[2]) / 100 if times is None else times
    return measure_responses(epochs, images, np.zeros(len(epochs), dtype=bool), times)["train"]


def plain_snr(epochs, images):
    """The definition, one image, channel and sample at a time."""
    names, (_, n_channels, n_times) = sorted(set(images.tolist())), epochs.shape
    snr = np.empty((n_channels, n_times))
    for c in range(n_channels):
        for t in range(n_times):
            groups = [epochs[images == name, c, t] for name in names]
            squares = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
            noise = squares / sum(len(group) - 1 for group in groups)
            means = np.array([group.mean() for group in groups])
            signal = means.var(ddof=1) - noise * np.mean([1 / len(group) for group in groups])
            snr[c, t] = max(signal, 0) / noise
    return snr


def plain_correlation(epochs, images):
    """The definition with numpy's corrcoef."""
    repeated = [name for name in sorted(set(images.tolist())) if (images == name).sum() > 1]
    odd = np.array([epochs[images == name][::2].mean(axis=0) for name in repeated])
    even = np.array([epochs[images == name][1::2].mean(axis=0) for name in repeated])
    _, n_channels, n_times = odd.shape
    pairs = [[np.corrcoef(odd[:, c, t], even[:, c, t])[0, 1] for t in range(n_times)] for c in range(n_channels)]
    return np.array(pairs)


def test_snr_by_hand():
    # Means 1 and 5, each trial 1 away: within-image squares 2 + 2 over 2 degrees of freedom, noise 2. The means vary by
    # 8, of which 2 / 2 is noise: signal 7.
    quality = one_channel([0, 2, 4, 6], ["a", "a", "b", "b"])["train"]
    assert quality.snr.item() == pytest.approx(3.5)
    assert quality.evoked_snr == pytest.approx(3.5)
    assert quality.repeats == {2: 2}


def test_images_shown_once_count_for_the_signal_but_not_for_the_noise():
    # As above and a third image of value 3: means 1, 5, 3 vary by 4; noise 2 x mean(1/2, 1/2, 1) = 4/3; 8/3 of 2.
    quality = one_channel([0, 2, 4, 6, 3], ["a", "a", "b", "b", "c"])["train"]
    assert quality.snr.item() == pytest.approx(4 / 3)
    assert quality.repeats == {1: 1, 2: 2}
    assert (quality.n_images, quality.n_trials) == (3, 5)


def test_split_half_by_hand():
    # Odd trials 1, 2, 3; even trials 1, 3, 2: r = 1/2, and twice the trials would give 2/3.
    quality = one_channel([1, 1, 2, 3, 3, 2], list("aabbcc"))["train"]
    assert quality.split_half == pytest.approx(0.5)
    assert quality.reliability == pytest.approx(2 / 3)
    assert quality.noise_ceiling == pytest.approx(np.sqrt(2 / 3))


def test_a_negative_correlation_keeps_its_sign_and_has_no_ceiling():
    quality = one_channel([1, 3, 2, 2, 3, 1], list("aabbcc"))["train"]
    assert quality.split_half == pytest.approx(-1)
    assert quality.reliability == pytest.approx(-1)
    assert quality.noise_ceiling == 0


@pytest.mark.parametrize("order", ["as shown", "images mixed"])
def test_equals_the_definition_for_uneven_repeats(order):
    rng = np.random.default_rng(1)
    images = np.repeat(list("abcdefgh"), [1, 2, 3, 3, 4, 5, 2, 1])
    images = rng.permutation(images) if order == "images mixed" else images
    epochs = (
        rng.standard_normal((len(images), 3, 4)) + rng.standard_normal((8, 3, 4))[np.unique(images, False, True)[1]]
    )
    quality = measured(epochs, images)
    np.testing.assert_allclose(quality.snr, plain_snr(epochs, images), rtol=1e-5)
    np.testing.assert_allclose(quality.correlation, plain_correlation(epochs, images), rtol=1e-5)
    assert quality.repeats == {1: 2, 2: 2, 3: 2, 4: 1, 5: 1}


def test_known_signal_to_noise_is_found_again():
    """With SNR s and n trials, the mean's reliability is s / (s + 1 / n)."""
    quality = measured(*simulated(1500, 4, signal=0.5))
    assert quality.evoked_snr == pytest.approx(0.25, rel=0.03)
    np.testing.assert_allclose(quality.channel_snr, 0.25, rtol=0.06)
    assert quality.reliability == pytest.approx(0.5, abs=0.02)
    np.testing.assert_allclose(quality.channel_reliability, 0.5, atol=0.04)
    assert quality.noise_ceiling == pytest.approx(np.sqrt(0.5), abs=0.02)


def test_a_perfect_prediction_correlates_as_the_ceiling_says():
    rng = np.random.default_rng(2)
    truth = rng.standard_normal((2000, 1, 1))
    trials = truth[:, None] + 1.5 * rng.standard_normal((2000, 6, 1, 1))
    quality = measured(trials.reshape(-1, 1, 1), np.repeat(np.arange(2000), 6))
    correlation = np.corrcoef(truth.ravel(), trials.mean(axis=1).ravel())[0, 1]
    assert quality.noise_ceiling == pytest.approx(correlation, abs=0.03)


def test_pure_noise_has_no_reliability():
    quality = measured(*simulated(1500, 4, signal=0))
    assert quality.evoked_snr < 0.01
    assert quality.reliability == pytest.approx(0, abs=0.02)
    assert quality.noise_ceiling < 0.15


def test_only_samples_from_onset_on_are_averaged():
    epochs, images = simulated(300, 4, signal=1)
    response = np.array([0] * 10 + [1] * 10)  # the first ten samples lie before onset
    rng = np.random.default_rng(3)
    epochs = epochs * response + rng.standard_normal(epochs.shape) * (1 - response)
    quality = measured(epochs, images, times=(np.arange(20) - 10) / 100)
    assert quality.evoked_snr == pytest.approx(1, rel=0.1)
    assert np.all(quality.snr[:, :10] < 0.3)
    assert 0 <= quality.peak_time < 0.1


def test_images_shown_once_tell_neither_noise_nor_reliability():
    quality = measured(*simulated(10, 1, signal=1))
    assert np.isnan(quality.snr).all()
    assert np.isnan([quality.evoked_snr, quality.peak_time, quality.split_half, quality.reliability]).all()
    assert np.isnan(quality.noise_ceiling)


def test_two_images_correlate_always_so_nothing_is_said():
    quality = measured(*simulated(2, 4, signal=1))
    assert np.isfinite(quality.evoked_snr)
    assert np.isnan(quality.split_half)


def test_a_flat_channel_says_nothing_and_leaves_the_others_alone():
    epochs, images = simulated(50, 3, signal=1)
    flat = epochs.copy()
    flat[:, 1] = 0.1
    quality, expected = measured(flat, images), measured(epochs, images)
    assert np.isnan(quality.channel_snr[1])
    assert np.isnan(quality.channel_reliability[1])
    np.testing.assert_array_equal(quality.snr[[0, 2, 3]], expected.snr[[0, 2, 3]])
    assert np.isfinite(quality.reliability)


@pytest.mark.parametrize("scale", [1e-13, 1e3])
def test_units_do_not_matter(scale):
    epochs, images = simulated(40, 3, signal=1)
    scaled, expected = measured((epochs * scale).astype(np.float32), images), measured(epochs, images)
    np.testing.assert_allclose(scaled.snr, expected.snr, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(scaled.correlation, expected.correlation, atol=1e-5)


def test_order_within_the_odd_and_the_even_trials_does_not_matter():
    """Odd trials of an image may change places with odd ones, and images with images; odd trials with even ones not."""
    epochs, images = simulated(30, 6, signal=0.5)
    moved, moved_images = epochs.copy(), images.copy()
    for image in range(30):
        rows = np.flatnonzero(images == image)
        moved[rows] = epochs[rows[[2, 5, 4, 1, 0, 3]]]
    expected = measured(epochs, images)
    np.testing.assert_allclose(measured(moved, moved_images).correlation, expected.correlation, atol=1e-6)
    by_image = np.argsort(images, kind="stable")
    np.testing.assert_array_equal(measured(epochs[by_image], images[by_image]).correlation, expected.correlation)
    mixed = epochs.copy()
    for image in range(30):
        rows = np.flatnonzero(images == image)
        mixed[rows] = epochs[rows[[1, 0, 2, 3, 4, 5]]]
    assert not np.allclose(measured(mixed, images).correlation, expected.correlation, atol=1e-3)


def test_partitions_never_meet():
    epochs, images = simulated(20, 4, signal=1)
    test = images >= 15
    both = measure_responses(epochs, images, test, np.arange(20))
    alone = measure_responses(epochs[~test], images[~test], test[~test], np.arange(20))
    assert list(alone) == ["train"]
    np.testing.assert_array_equal(both["train"].snr, alone["train"].snr)
    assert both["train"].repeats == {4: 15}
    assert both["test"].repeats == {4: 5}


def test_a_file_gives_what_an_array_gives(tmp_path, monkeypatch):
    epochs, images = simulated(40, 5, signal=1)
    epochs = epochs.astype(np.float32)
    spool = Spool(tmp_path / "epochs", epochs.shape[1:])
    spool.append(epochs)
    monkeypatch.setattr("pipeline_lib.recordings.responses.BLOCK_BYTES", 7 * epochs[:5].nbytes)
    array, file = measured(epochs, images), measured(spool, images)
    np.testing.assert_array_equal(array.snr, file.snr)
    np.testing.assert_array_equal(array.correlation, file.correlation)
    monkeypatch.undo()
    np.testing.assert_allclose(measured(epochs, images).snr, array.snr, rtol=1e-6)


def test_means_leave_out_what_is_unknown():
    snr = np.array([[1.0, 3.0], [np.nan, np.nan], [5.0, np.nan]])
    quality = ResponseQuality(repeats={2: 3}, times=np.array([0.0, 0.1]), snr=snr, correlation=snr * 0)
    assert quality.evoked_snr == 3
    np.testing.assert_array_equal(quality.channel_snr, [2, np.nan, 5])
    assert quality.peak_time == 0
