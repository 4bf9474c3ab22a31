"""What whitening and standardising promise."""

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.spool import Spool
from pipeline_lib.recordings.trial_rows import BLOCK_BYTES
from pipeline_lib.recordings.whitening import (
    fit_whitening,
    noise_covariance,
    standardize,
    whiten,
    whitening_of,
)
from tests.recordings.plain_covariance import plain_shrunk

SETTINGS = {"covariance": "epochs", "fit_on": "train", "where": "sub-01, session 1"}


def plain_noise_covariance(epochs, images, method):
    """The definition, one image, one trial or sample at a time."""
    of_images = []
    for image in sorted(set(images)):
        trials = epochs[[i for i, other in enumerate(images) if other == image]]
        if method == "epochs":
            parts = [plain_shrunk(trial.T) for trial in trials]
        elif len(trials) > 1:
            parts = [plain_shrunk(trials[:, :, t]) for t in range(trials.shape[2])]
        else:
            continue
        of_images.append(np.mean(parts, axis=0))
    return np.mean(of_images, axis=0)


@pytest.fixture
def session():
    """Correlated noise: 30 trials of 8 images, 5 channels, 40 samples; the last 10 trials show test images."""
    rng = np.random.default_rng(3)
    mixing = rng.standard_normal((5, 5)) * 1e-5
    epochs = mixing @ rng.standard_normal((30, 5, 40)) + rng.standard_normal((30, 5, 1)) * 1e-5
    images = np.array([f"image {i}" for i in [0, 1, 1, 2, 2, 2, 3, 3, 3, 3] * 2 + [5, 6, 5, 6, 5, 6, 7, 7, 7, 5]])
    return epochs, images, np.arange(30) >= 20


@pytest.mark.parametrize("method", ["epochs", "time"])
def test_noise_covariance_equals_the_definition(session, method):
    epochs, images, _ = session
    ours = noise_covariance(epochs, images, method, where="x")
    np.testing.assert_allclose(ours, plain_noise_covariance(epochs, images.tolist(), method), rtol=1e-9)


@pytest.mark.parametrize("fit_on", ["train", "train+test"])
def test_whitening_equals_the_definition(session, fit_on):
    epochs, images, test = session
    parts = [plain_noise_covariance(epochs[~test], images[~test].tolist(), "epochs")]
    if fit_on == "train+test":
        parts.append(plain_noise_covariance(epochs[test], images[test].tolist(), "epochs"))
    w = fit_whitening(epochs, images, test, **(SETTINGS | {"fit_on": fit_on})).matrix
    np.testing.assert_allclose(w @ np.mean(parts, axis=0) @ w, np.eye(5), atol=1e-9)
    np.testing.assert_allclose(w, w.T, rtol=1e-9)
    assert np.linalg.eigvalsh(w).min() > 0
    whitened = epochs.copy()
    whiten(whitened, w)
    for before, after in zip(epochs, whitened, strict=True):
        np.testing.assert_allclose(after, w @ before, rtol=1e-9, atol=1e-12)


def test_whitened_noise_is_white():
    rng = np.random.default_rng(0)
    mixing = np.eye(6) + 0.4 * rng.standard_normal((6, 6))
    epochs = (mixing @ rng.standard_normal((20, 6, 5000)) * 1e-5).astype(np.float32)
    images = np.repeat(np.arange(10), 2).astype(str)
    whiten(epochs, fit_whitening(epochs, images, np.zeros(20, dtype=bool), **SETTINGS).matrix)
    covariance = np.mean([np.cov(epoch) for epoch in epochs], axis=0)
    np.testing.assert_allclose(covariance, np.eye(6), atol=0.02)  # what shrinkage leaves at 5000 samples


def test_every_image_counts_the_same_however_often_it_was_shown(session):
    epochs, images, _ = session
    chosen = np.flatnonzero(images == images[0])
    more, more_images = np.concatenate([epochs, epochs[chosen]]), np.concatenate([images, images[chosen]])
    again = noise_covariance(more, more_images, "epochs", where="x")
    np.testing.assert_allclose(again, noise_covariance(epochs, images, "epochs", where="x"), rtol=1e-12)


@pytest.mark.parametrize("covariance", ["epochs", "time"])
def test_test_trials_never_touch_the_matrix_by_default(session, covariance):
    epochs, images, test = session
    settings = SETTINGS | {"covariance": covariance}
    changed = epochs.copy()
    changed[test] = np.random.default_rng(9).standard_normal(changed[test].shape) * 1e-3
    assert np.array_equal(
        fit_whitening(epochs, images, test, **settings).matrix,
        fit_whitening(changed, images, test, **settings).matrix,
    )
    settings["fit_on"] = "train+test"
    w, other = (fit_whitening(x, images, test, **settings).matrix for x in (epochs, changed))
    assert not np.allclose(w, other, rtol=0.1)


def test_order_of_trials_does_not_matter(session):
    epochs, images, test = session
    order = np.random.default_rng(0).permutation(30)
    shuffled = fit_whitening(epochs[order], images[order], test[order], **SETTINGS)
    expected = fit_whitening(epochs, images, test, **SETTINGS)
    np.testing.assert_allclose(shuffled.matrix, expected.matrix, rtol=1e-9)


def test_a_session_without_training_trials_is_refused(session):
    epochs, images, test = session
    with pytest.raises(InputError, match="sub-01, session 1: the session has no training trials"):
        fit_whitening(epochs[test], images[test], test[test], **SETTINGS)


def test_covariance_over_time_takes_repeats(session):
    epochs, _, _ = session
    with pytest.raises(InputError, match=r"no image was shown twice; set preprocess.whitening.covariance=epochs"):
        noise_covariance(epochs, np.arange(30).astype(str), "time", where="x")


def test_the_condition_number_is_that_of_the_noise():
    # Independent noise of deviations 1, 2 and 10: the eigenvalues of Σ are 1, 4 and 100.
    epochs = np.random.default_rng(0).standard_normal((40, 3, 4000)) * [[1], [2], [10]]
    fitted = fit_whitening(epochs, np.arange(40), np.zeros(40, dtype=bool), **SETTINGS)
    assert fitted.condition == pytest.approx(100, rel=0.02)


def test_a_channel_without_variance_leaves_the_condition_number_alone(session):
    epochs, images, test = session
    wider = np.concatenate([epochs, np.full((30, 1, 40), 7.0)], axis=1)
    expected = fit_whitening(epochs, images, test, **SETTINGS)
    fitted = fit_whitening(wider, images, test, **SETTINGS)
    assert fitted.condition != pytest.approx(expected.condition, rel=1e-12)  # ρ counts channels
    np.testing.assert_array_equal(fitted.matrix[5], [0, 0, 0, 0, 0, 1])


def test_copies_of_a_channel_are_refused():
    with pytest.raises(InputError, match="x: the noise covariance is singular"):
        whitening_of(np.ones((2, 2)), where="x")


def test_channels_without_variance_are_left_alone():
    covariance = np.array([[4.0, 0, 0], [0, 0, 0], [0, 0, 9.0]])
    np.testing.assert_allclose(whitening_of(covariance, where="x").matrix, np.diag([0.5, 1, 1 / 3]))


def test_standardizing_uses_training_trials_only():
    epochs = np.random.default_rng(0).standard_normal((10, 3, 7)) * [[1], [10], [0]] + [[5], [-2], [3]]
    test = np.arange(10) >= 6
    expected = epochs.copy()
    for channel in range(3):
        train = epochs[~test, channel]
        expected[:, channel] = (epochs[:, channel] - train.mean()) / (train.std() or 1)
    standardize(epochs, test)
    np.testing.assert_allclose(epochs, expected, atol=1e-12)
    np.testing.assert_allclose(epochs[~test, :2].std(axis=(0, 2)), 1)
    assert np.all(epochs[:, 2] == 0)


def test_standardizing_neither_shifts_nor_scales_by_rounding_errors():
    # 0.1 has no exact float: sums of it are off, and a deviation of 1e-17 would scale such errors up to ones.
    epochs = np.full((100, 2, 9), 0.1)
    epochs[:, 0] = 1e6 + np.random.default_rng(0).standard_normal((100, 9))
    standardize(epochs, np.zeros(100, dtype=bool))
    assert np.all(epochs[:, 1] == 0)
    assert epochs[:, 0].std() == pytest.approx(1, rel=1e-9)


class OnDisk:
    """Trials that only offer what a file does, and refuse to be read at once."""

    def __init__(self, spool):
        self.shape, self.dtype = spool.shape, spool.dtype
        self._spool = spool
        self._most = max(BLOCK_BYTES, 4 * np.prod(spool.shape[1:]))

    def __len__(self):
        return len(self._spool)

    def __getitem__(self, rows):
        block = self._spool[rows]
        assert block.nbytes <= self._most
        return block

    def __setitem__(self, rows, values):
        assert isinstance(rows, slice)
        self._spool[rows] = values


@pytest.fixture
def long_session():
    """Several blocks of trials: 300 of 40 images in no order, 20 channels, 250 samples; every fifth trial a test."""
    rng = np.random.default_rng(5)
    mixing = rng.standard_normal((20, 20)) * 1e-6
    epochs = (mixing @ rng.standard_normal((300, 20, 250))).astype(np.float32)
    test = np.arange(300) % 5 == 0
    return epochs, np.where(test, 100, 0) + rng.integers(40, size=300), test


@pytest.mark.parametrize("covariance", ["epochs", "time"])
def test_a_file_gives_the_bytes_of_an_array(long_session, covariance, tmp_path):
    epochs, images, test = long_session
    spool = Spool(tmp_path / "epochs", epochs.shape[1:])
    spool.append(epochs)
    settings = SETTINGS | {"covariance": covariance, "fit_on": "train+test"}
    for trials in (epochs, OnDisk(spool)):
        whiten(trials, fit_whitening(trials, images, test, **settings).matrix)
        standardize(trials, test)
    assert np.array_equal(spool[:], epochs)


@pytest.mark.parametrize("covariance", ["epochs", "time"])
def test_the_number_of_threads_changes_no_bit(long_session, covariance):
    epochs, images, test = long_session
    settings = SETTINGS | {"covariance": covariance}
    results = [fit_whitening(epochs, images, test, **settings, threads=threads).matrix for threads in (1, 2, 3, 5)]
    assert all(np.array_equal(results[0], other) for other in results[1:])


@pytest.mark.parametrize(("dtype", "scale"), [(np.float32, 1e-13), (np.float32, 1e-6), (np.float16, 1.0)])
def test_narrow_numbers_and_any_unit_will_do(long_session, dtype, scale):
    epochs, images, _ = long_session
    epochs = (epochs / epochs.std() * scale).astype(dtype)
    ours = noise_covariance(epochs, images, "epochs", where="x")
    expected = plain_noise_covariance(epochs.astype(np.float64), images.tolist(), "epochs")
    deviation = np.sqrt(np.diag(expected))
    np.testing.assert_allclose(
        ours / deviation / deviation[:, None], expected / deviation / deviation[:, None], atol=1e-7
    )
    w = whitening_of(expected, where="x").matrix
    white = w @ epochs
    whiten(epochs, w)
    assert epochs.dtype == dtype
    np.testing.assert_allclose(epochs, white, atol=1e-4 if dtype == np.float32 else 5e-3)
