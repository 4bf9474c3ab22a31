"""Multivariate noise normalisation: let every direction in sensor space carry the same noise.

Sensors share noise, and some are noisier than others. The covariance Σ of single trials around their own mean over
time, averaged over images, estimates that noise. Multiplying every epoch by W = Σ^(−1/2) makes it white
(methods.md §1).

A subject's trials may be larger than memory: everything here reads and replaces a few megabytes of them at a time, and
the same bytes come out of an array, of a file, and of any number of threads.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pipeline_lib.common.batches import batched
from pipeline_lib.common.errors import InputError
from pipeline_lib.common.progress import progress
from pipeline_lib.recordings.covariance import shrunk_sum
from pipeline_lib.recordings.moments import Moments, of_channels
from pipeline_lib.recordings.trial_rows import TrialRows, read_rows, slices_of

BLOCKS_AHEAD = 16  # per thread, given out at a time


@dataclass(frozen=True)
class Whitening:
    """How the trials of a session are made white.

    Attributes
    ----------
    matrix : ndarray of float64, shape (n_channels, n_channels)
        W = Σ^(−1/2).
    condition : float
        Largest by smallest eigenvalue of Σ, channels without variance left out: how far from white the noise was.
    """

    matrix: np.ndarray
    condition: float


def noise_covariance(
    epochs: TrialRows,
    images: np.ndarray,
    method: Literal["epochs", "time"],
    *,
    where: str,
    chosen: np.ndarray | None = None,
    threads: int | None = None,
) -> np.ndarray:
    """Σ: the mean over images of the mean covariance of each image's single trials.

    Parameters
    ----------
    epochs : array-like, shape (n_trials, n_channels, n_times)
        See :class:`~pipeline_lib.recordings.trial_rows.TrialRows`.
    images : ndarray, shape (n_trials,)
        What was shown in each trial.
    method : {"epochs", "time"}
        Covariance over the samples of each trial, averaged over an image's trials; or over an image's trials at each
        sample, averaged over samples, which takes images with at least two trials.
    where : str
        The session, for the error.
    chosen : ndarray of bool, shape (n_trials,), optional
        The trials that count. Defaults to all.
    threads : int, optional
        At most this many work at a time; the result is the same to the last bit. Defaults to one per processor.

    Returns
    -------
    ndarray of float64, shape (n_channels, n_channels)

    Raises
    ------
    InputError
        If no image has two trials although `method` needs them.
    """
    rows = np.arange(len(epochs)) if chosen is None else np.flatnonzero(chosen)
    _, image, counts = np.unique(images[rows], return_inverse=True, return_counts=True)
    if method == "epochs":
        weights = 1 / (counts[image] * len(counts))
        blocks = [(rows[block], weights[block]) for block in slices_of(len(rows), epochs)]
        return _sum_of(_over_samples, blocks, epochs, threads)
    repeated = np.flatnonzero(counts > 1)
    if not len(repeated):
        raise InputError(f"{where}: no image was shown twice; set preprocess.whitening.covariance=epochs")
    of_image = np.split(rows[np.argsort(image, kind="stable")], np.cumsum(counts)[:-1])
    return _sum_of(_over_trials, [(of_image[i], 1 / len(repeated)) for i in repeated], epochs, threads)


def whitening_of(covariance: np.ndarray, *, where: str) -> Whitening:
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
    return Whitening(w, float(eigenvalues[-1] / eigenvalues[0]) if len(alive) else 1.0)


def fit_whitening(
    epochs: TrialRows,
    images: np.ndarray,
    test: np.ndarray,
    *,
    covariance: Literal["epochs", "time"],
    fit_on: Literal["train", "train+test"],
    where: str,
    threads: int | None = None,
) -> Whitening:
    """The whitening matrix of a session.

    Parameters
    ----------
    epochs : array-like, shape (n_trials, n_channels, n_times)
        All trials of the session; see :class:`~pipeline_lib.recordings.trial_rows.TrialRows`.
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
    threads : int, optional
        See :func:`noise_covariance`.

    Raises
    ------
    InputError
        If the session has no training trials, or Σ cannot be inverted.
    """
    if test.all():
        cure = "add its training recording or set preprocess.whitening.enabled=false"
        raise InputError(f"{where}: the session has no training trials to estimate noise from; {cure}")
    partitions = [~test] if fit_on == "train" or not test.any() else [~test, test]
    parts = [
        noise_covariance(epochs, images, covariance, where=where, chosen=chosen, threads=threads)
        for chosen in partitions
    ]
    return whitening_of(np.mean(parts, axis=0), where=where)


def whiten(epochs: TrialRows, w: np.ndarray) -> None:
    """Replace every epoch x, shape (n_channels, n_times), of trials by W x, in place."""
    with _one_blas_thread():
        for rows in slices_of(len(epochs), epochs):
            block = _working(epochs[rows])
            epochs[rows] = w.astype(block.dtype) @ block


def standardize(epochs: TrialRows, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Z-score each channel with the mean and deviation of the training trials, in place.

    Parameters
    ----------
    epochs : array-like, shape (n_trials, n_channels, n_times)
        All trials of a subject; see :class:`~pipeline_lib.recordings.trial_rows.TrialRows`.
    test : ndarray of bool, shape (n_trials,)
        Trials that the mean and deviation must not see.

    Returns
    -------
    mean, scale : ndarray of float64, shape (n_channels,)
        What was subtracted from each channel, and what it was then divided by.
    """
    train, over_trials = np.flatnonzero(~test), Moments()
    for block in slices_of(len(train), epochs):
        over_trials.add(read_rows(epochs, train[block]))
    mean, deviation = of_channels(over_trials)
    scale = np.where(deviation > 0, deviation, 1)
    scale_channels(epochs, mean, scale)
    return mean, scale


def scale_channels(epochs: TrialRows, mean: np.ndarray, scale: np.ndarray) -> None:
    """Replace every channel x of trials by (x - mean) / scale, in place, as :func:`standardize` found them."""
    for rows in slices_of(len(epochs), epochs):
        block = epochs[rows] - mean[:, None]
        block /= scale[:, None]
        epochs[rows] = block


def _sum_of(
    function: Callable[..., np.ndarray], parts: Sequence[tuple[Any, ...]], epochs: TrialRows, threads: int | None
) -> np.ndarray:
    """The sum of ``function(epochs, *part)`` over the parts, always added up in their order."""
    threads = threads or _processors()
    total = np.zeros((epochs.shape[1],) * 2)
    with _one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        for some in batched(progress(parts, label="covariance", unit="block"), BLOCKS_AHEAD * threads):
            for one in pool.map(lambda part: function(epochs, *part), some):
                total += one
    return total


def _over_samples(epochs: TrialRows, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return shrunk_sum(read_rows(epochs, rows), weights)


def _over_trials(epochs: TrialRows, rows: np.ndarray, weight: float) -> np.ndarray:
    """The mean over samples, times `weight`, of an image's covariances over its trials."""
    samples = np.ascontiguousarray(read_rows(epochs, rows).transpose(2, 1, 0))
    weights = np.full(len(samples), weight / len(samples))
    return np.sum([shrunk_sum(samples[i], weights[i]) for i in slices_of(len(samples), samples)], axis=0)


def _working(block: np.ndarray) -> np.ndarray:
    """In float32 at least."""
    return block.astype(np.result_type(block, np.float32), copy=False)


def _one_blas_thread() -> AbstractContextManager[Any]:
    """Threads of BLAS inside ours, or beside other processes, cost more than such small products take."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=1, user_api="blas")


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
