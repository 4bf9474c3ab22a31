"""Multivariate noise normalisation: let every direction in sensor space carry the same noise.

Sensors share noise, and some are noisier than others. The covariance Σ of single trials around their own mean over
time, averaged over images, estimates that noise. Multiplying every epoch by W = Σ^(−1/2) makes it white
(methods.md §1).
"""

from typing import Literal

import numpy as np

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.progress import progress

BATCH = 64


def shrunk_covariances(x: np.ndarray) -> np.ndarray:
    """Ledoit–Wolf covariance of each matrix of a batch, on standardised features and scaled back.

    What scikit-learn's discriminant analysis calls ``shrinkage="auto"``: with Z the standardised features, S = ZᵀZ / n
    their covariance over n samples and μ = tr S / p, the covariance is D [(1 − ρ) S + ρ μ I] D, D the deviations, and

        ρ = min(β, δ) / δ,   δ = ‖S − μ I‖² / p,   β = (Σ_t ‖z_t‖⁴ / n − ‖S‖²) / (n p).

    Parameters
    ----------
    x : ndarray, shape (n_matrices, n_channels, n_samples)
        Computed in float64. A channel that is constant over a matrix's samples has no variance there.

    Returns
    -------
    ndarray of float64, shape (n_matrices, n_channels, n_channels)
    """
    z = np.asarray(x, dtype=np.float64)
    z = z - z.mean(axis=-1, keepdims=True)
    deviation = z.std(axis=-1, keepdims=True)
    z /= np.where(deviation > 0, deviation, 1)
    p, n = z.shape[1:]
    s = z @ z.swapaxes(1, 2) / n
    mu = np.trace(s, axis1=1, axis2=2) / p
    norm = np.einsum("bij,bij->b", s, s)
    beta = (np.square(np.square(z).sum(axis=1)).sum(axis=1) / n - norm) / (n * p)
    delta = norm / p - mu**2
    rho = np.divide(np.minimum(beta, delta), delta, out=np.zeros_like(delta), where=delta > 0)
    s *= (1 - rho)[:, None, None]
    s[:, np.arange(p), np.arange(p)] += (rho * mu)[:, None]
    return s * deviation * deviation.swapaxes(1, 2)


def noise_covariance(
    epochs: np.ndarray, images: np.ndarray, method: Literal["epochs", "time"], *, where: str
) -> np.ndarray:
    """Σ: the mean over images of the mean covariance of each image's single trials.

    Parameters
    ----------
    epochs : ndarray, shape (n_trials, n_channels, n_times)
    images : ndarray, shape (n_trials,)
        What was shown in each trial.
    method : {"epochs", "time"}
        Covariance over the samples of each trial, averaged over an image's trials; or over an image's trials at each
        sample, averaged over samples, which takes images with at least two trials.
    where : str
        The session, for the error.

    Returns
    -------
    ndarray of float64, shape (n_channels, n_channels)

    Raises
    ------
    InputError
        If no image has two trials although `method` needs them.
    """
    _, image, counts = np.unique(images, return_inverse=True, return_counts=True)
    if method == "epochs":
        return _mean_over_trials(epochs, 1 / (counts[image] * len(counts)))
    repeated = np.flatnonzero(counts > 1)
    if not len(repeated):
        raise InputError(f"{where}: no image was shown twice; set preprocess.whitening.covariance=epochs")
    total = np.zeros((epochs.shape[1],) * 2)
    for one in progress(repeated, label="covariance", unit="image"):
        over_trials = epochs[image == one].transpose(2, 1, 0)
        total += shrunk_covariances(over_trials).mean(axis=0)
    return total / len(repeated)


def whitening_matrix(covariance: np.ndarray, *, where: str) -> np.ndarray:
    """W = Σ^(−1/2), symmetric; channels without variance are neither used nor changed.

    Parameters
    ----------
    covariance : ndarray, shape (n_channels, n_channels)
        Σ.
    where : str
        The session, for the error.

    Raises
    ------
    InputError
        If Σ is singular: channels are copies or sums of one another.
    """
    alive = np.flatnonzero(np.diag(covariance) > 0)
    eigenvalues, vectors = np.linalg.eigh(covariance[np.ix_(alive, alive)])
    if len(alive) and eigenvalues[0] <= eigenvalues[-1] * len(alive) * np.finfo(float).eps:
        raise InputError(
            f"{where}: the noise covariance is singular, some channels are copies or sums of others; "
            "leave them out (preprocess.picks) or set preprocess.whitening.enabled=false"
        )
    w = np.eye(len(covariance))
    w[np.ix_(alive, alive)] = vectors / np.sqrt(eigenvalues) @ vectors.T
    return w


def fit_whitening(
    epochs: np.ndarray,
    images: np.ndarray,
    test: np.ndarray,
    *,
    covariance: Literal["epochs", "time"],
    fit_on: Literal["train", "train+test"],
    where: str,
) -> np.ndarray:
    """The whitening matrix of a session.

    Parameters
    ----------
    epochs : ndarray, shape (n_trials, n_channels, n_times)
        All trials of the session.
    images : ndarray, shape (n_trials,)
        What was shown.
    test : ndarray of bool, shape (n_trials,)
        Trials of test images.
    covariance : {"epochs", "time"}
        See :func:`noise_covariance`.
    fit_on : {"train", "train+test"}
        ``"train"`` never looks at test trials. ``"train+test"`` averages the Σ of both partitions, as the dataset's
        authors did.
    where : str
        The session, for errors.

    Returns
    -------
    ndarray of float64, shape (n_channels, n_channels)

    Raises
    ------
    InputError
        If the session has no training trials, or Σ cannot be inverted.
    """
    if test.all():
        cure = "add its training recording or set preprocess.whitening.enabled=false"
        raise InputError(f"{where}: the session has no training trials to estimate noise from; {cure}")
    partitions = [~test] if fit_on == "train" or not test.any() else [~test, test]
    parts = [noise_covariance(epochs[chosen], images[chosen], covariance, where=where) for chosen in partitions]
    return whitening_matrix(np.mean(parts, axis=0), where=where)


def whiten(epochs: np.ndarray, w: np.ndarray) -> None:
    """Replace every epoch x, shape (n_channels, n_times), by W x, in place."""
    w = w.astype(epochs.dtype)
    for start in range(0, len(epochs), BATCH):
        epochs[start : start + BATCH] = w @ epochs[start : start + BATCH]


def standardize(epochs: np.ndarray, test: np.ndarray) -> None:
    """Z-score each channel with the mean and deviation of the training trials, in place.

    Parameters
    ----------
    epochs : ndarray, shape (n_trials, n_channels, n_times)
        All trials of a subject.
    test : ndarray of bool, shape (n_trials,)
        Trials that the mean and deviation must not see.
    """
    for channel in range(epochs.shape[1]):
        signal = epochs[:, channel]
        train = signal[~test].astype(np.float64)
        signal -= train.mean()
        signal /= train.std() or 1


def _mean_over_trials(epochs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    total = np.zeros((epochs.shape[1],) * 2)
    for start in progress(range(0, len(epochs), BATCH), label="covariance", unit="batch"):
        batch = slice(start, start + BATCH)
        total += np.tensordot(weights[batch], shrunk_covariances(epochs[batch]), axes=1)
    return total
