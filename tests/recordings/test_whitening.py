"""What whitening and standardising promise."""

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf
from sklearn.preprocessing import StandardScaler

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.whitening import (
    fit_whitening,
    noise_covariance,
    shrunk_covariances,
    standardize,
    whiten,
    whitening_matrix,
)

SETTINGS = {"covariance": "epochs", "fit_on": "train", "where": "sub-01, session 1"}


def plain_shrunk(x):
    """Shrinkage "auto" of scikit-learn's discriminant analysis; x has shape (n_samples, n_channels)."""
    scaler = StandardScaler()
    covariance, _ = ledoit_wolf(scaler.fit_transform(x))
    return scaler.scale_[:, None] * covariance * scaler.scale_[None, :]


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


@pytest.mark.parametrize("n_samples", [3, 5, 40, 250])
def test_shrunk_covariances_equal_scikit_learns(n_samples):
    rng = np.random.default_rng(n_samples)
    x = rng.standard_normal((4, 5, 5)) @ rng.standard_normal((4, 5, n_samples)) * np.geomspace(1e-6, 1e3, 5)[:, None]
    for ours, matrix in zip(shrunk_covariances(x + 7e-5), x, strict=True):
        np.testing.assert_allclose(ours, plain_shrunk((matrix + 7e-5).T), rtol=1e-9)


def test_shrunk_covariance_by_hand():
    # Two opposite samples of two equal channels: S is all ones, μ = 1, ‖S‖² = 4; each |z|⁴ is 4, so β = (4 − 4) / 4 = 0
    # and nothing is shrunk. Deviations 1 and 2 scale it back.
    np.testing.assert_allclose(shrunk_covariances(np.array([[[-1.0, 1.0], [-2.0, 2.0]]])), [[[1, 2], [2, 4]]])
    # Four samples at the corners of a square: S = I = μ I, δ = 0.
    corners = np.array([[[1.0, 1, -1, -1], [1, -1, 1, -1]]])
    np.testing.assert_allclose(shrunk_covariances(corners), [np.eye(2)])


def test_a_constant_channel_has_no_variance():
    x = np.random.default_rng(0).standard_normal((1, 3, 50))
    x[0, 1] = 4
    covariance = shrunk_covariances(x)[0]
    assert np.all(covariance[1] == 0)
    assert np.all(covariance[:, 1] == 0)
    assert np.all(np.diag(covariance)[[0, 2]] > 0.5)


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
    w = fit_whitening(epochs, images, test, **(SETTINGS | {"fit_on": fit_on}))
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
    whiten(epochs, fit_whitening(epochs, images, np.zeros(20, dtype=bool), **SETTINGS))
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
        fit_whitening(epochs, images, test, **settings), fit_whitening(changed, images, test, **settings)
    )
    settings["fit_on"] = "train+test"
    w, other = (fit_whitening(x, images, test, **settings) for x in (epochs, changed))
    assert not np.allclose(w, other, rtol=0.1)


def test_order_of_trials_does_not_matter(session):
    epochs, images, test = session
    order = np.random.default_rng(0).permutation(30)
    shuffled = fit_whitening(epochs[order], images[order], test[order], **SETTINGS)
    np.testing.assert_allclose(shuffled, fit_whitening(epochs, images, test, **SETTINGS), rtol=1e-9)


def test_a_session_without_training_trials_is_refused(session):
    epochs, images, test = session
    with pytest.raises(InputError, match="sub-01, session 1: the session has no training trials"):
        fit_whitening(epochs[test], images[test], test[test], **SETTINGS)


def test_covariance_over_time_takes_repeats(session):
    epochs, _, _ = session
    with pytest.raises(InputError, match=r"no image was shown twice; set preprocess.whitening.covariance=epochs"):
        noise_covariance(epochs, np.arange(30).astype(str), "time", where="x")


def test_copies_of_a_channel_are_refused():
    with pytest.raises(InputError, match="x: the noise covariance is singular"):
        whitening_matrix(np.ones((2, 2)), where="x")


def test_channels_without_variance_are_left_alone():
    covariance = np.array([[4.0, 0, 0], [0, 0, 0], [0, 0, 9.0]])
    np.testing.assert_allclose(whitening_matrix(covariance, where="x"), np.diag([0.5, 1, 1 / 3]))


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
