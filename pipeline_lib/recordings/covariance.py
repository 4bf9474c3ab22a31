"""Ledoit–Wolf covariances of many small matrices at once, such as one per epoch.

A covariance of 63 channels is too small a task to be called for on its own: scikit-learn takes about a millisecond for
one, of which 20 microseconds are the products. Here whole batches go through each step while they are in the
processor's cache, in float32 where the data are float32: features are centred and standardised first, so that products
neither cancel nor leave the range of float32, and what adds up over many matrices adds up in float64.

With Z the standardised features of a matrix, S = ZᵀZ / n their covariance over n samples and μ = tr S / p, the shrunk
covariance is D [(1 − ρ) S + ρ μ I] D, D the deviations, and

    ρ = min(β, δ) / δ,   δ = ‖S − μ I‖² / p,   β = (Σ_t ‖z_t‖⁴ / n − ‖S‖²) / (n p).

The diagonal of S is known without a product: 1, or 0 for a channel without variance.
"""

from typing import NamedTuple

import numpy as np


def shrunk_covariances(x: np.ndarray) -> np.ndarray:
    """Ledoit–Wolf covariance of each matrix of a batch, on standardised features and scaled back.

    What scikit-learn's discriminant analysis calls ``shrinkage="auto"``.

    Parameters
    ----------
    x : ndarray, shape (n_matrices, n_channels, n_samples)
        Worked on in float64 if it is float64, else in float32, for which deviations must lie within 1e-18 and 1e18. A
        channel that is constant over a matrix's samples has no variance there.

    Returns
    -------
    ndarray of float64, shape (n_matrices, n_channels, n_channels)
    """
    shrunk = _shrunk(x)
    diagonal = np.arange(x.shape[1])
    covariances = shrunk.correlations.astype(np.float64)
    covariances *= (1 - shrunk.rho)[:, None, None]
    covariances[:, diagonal, diagonal] = shrunk.diagonal[:, None]
    return covariances * shrunk.deviation[:, :, None] * shrunk.deviation[:, None, :]


def shrunk_sum(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted sum of :func:`shrunk_covariances` of a batch, without holding each of them.

    Parameters
    ----------
    x : ndarray, shape (n_matrices, n_channels, n_samples)
    weights : ndarray, shape (n_matrices,)
        Not negative.

    Returns
    -------
    ndarray of float64, shape (n_channels, n_channels)
    """
    shrunk = _shrunk(x)
    scale = shrunk.deviation.max(axis=0)
    relative = shrunk.deviation / np.where(scale > 0, scale, 1)
    root = (relative * np.sqrt(weights * (1 - shrunk.rho))[:, None]).astype(shrunk.correlations.dtype)
    scaled = shrunk.correlations
    scaled *= root[:, :, None]
    scaled *= root[:, None, :]
    total = scaled.sum(axis=0).astype(np.float64)
    np.fill_diagonal(total, (weights * shrunk.diagonal) @ relative**2)
    return total * scale[:, None] * scale


class _Shrunk(NamedTuple):
    """What the covariances of a batch are made of; `correlations` has zeros on its diagonal."""

    correlations: np.ndarray  # (n_matrices, n_channels, n_channels)
    deviation: np.ndarray  # (n_matrices, n_channels), float64 as all below
    rho: np.ndarray  # (n_matrices,)
    diagonal: np.ndarray  # (n_matrices,): of (1 − ρ) S + ρ μ I, where the deviation is not zero


def _shrunk(x: np.ndarray) -> _Shrunk:
    z, deviation = _standardized(x)
    p, n = z.shape[1:]
    correlations = z @ z.swapaxes(1, 2)
    correlations /= n
    correlations[:, np.arange(p), np.arange(p)] = 0
    off_diagonal = np.einsum("bij,bij->b", correlations, correlations).astype(np.float64)
    lengths = np.einsum("bct,bct->bt", z, z).astype(np.float64)
    trace = np.count_nonzero(deviation, axis=1)
    mu = trace / p
    beta = ((lengths**2).sum(axis=1) / n - off_diagonal - trace) / (n * p)
    delta = off_diagonal / p + mu * (1 - mu)  # the diagonal holds `trace` ones and p − `trace` zeros
    rho = np.divide(np.minimum(beta, delta), delta, out=np.zeros(len(z)), where=delta > 0)
    return _Shrunk(correlations, deviation, rho, 1 - rho + rho * mu)


def _standardized(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = x.astype(np.result_type(x, np.float32), copy=False)
    z = x - x[..., :1]  # exact for constant channels, and offsets far larger than the signal are gone before rounding
    z -= z.mean(axis=-1, keepdims=True)
    deviation = np.sqrt(np.einsum("bct,bct->bc", z, z) / x.shape[-1])
    z *= (1 / np.where(deviation > 0, deviation, 1))[..., None].astype(z.dtype, copy=False)
    return z, deviation.astype(np.float64)
