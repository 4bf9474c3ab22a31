"""What a random order of a gallery finds, exactly: no order is drawn."""

import math
from functools import lru_cache

import numpy as np


def first_match(n_relevant: np.ndarray, n_gallery: int) -> np.ndarray:
    """Probability, for each rank, that the first match stands there, over queries with so many matches.

    Parameters
    ----------
    n_relevant : ndarray of int, shape (n_queries,)
        Matching items per query.
    n_gallery : int
        N.

    Returns
    -------
    ndarray, shape (n_gallery,)
        Its cumulative sum is the top-k accuracy of a random order, k = 1 ... N.
    """
    return sum(weight * _first_match_at(kind, n_gallery) for kind, weight in _shares(n_relevant))


def mean_precision(n_relevant: np.ndarray, n_gallery: int) -> float:
    """Mean average precision of a random order, over queries with so many matches; parameters as above."""
    return float(sum(weight * _expected_precision(kind, n_gallery) for kind, weight in _shares(n_relevant)))


def _shares(n_relevant: np.ndarray) -> list[tuple[int, float]]:
    kinds, counts = np.unique(n_relevant, return_counts=True)
    return list(zip(kinds.tolist(), counts / counts.sum(), strict=True))


@lru_cache(maxsize=64)
def _first_match_at(n_relevant: int, n_gallery: int) -> np.ndarray:
    """Probability, for each rank, that the first of `n_relevant` matches stands there in a random order."""
    all_orders = math.comb(n_gallery, n_relevant)
    return np.array([math.comb(n_gallery - r, n_relevant - 1) / all_orders for r in range(1, n_gallery + 1)])


def _expected_precision(n_relevant: int, n_gallery: int) -> float:
    """Average precision of a random order: (1/N) [H_N + (R - 1) (N - H_N) / (N - 1)]."""
    harmonic = math.fsum(1.0 / r for r in range(1, n_gallery + 1))
    others = (n_relevant - 1) * (n_gallery - harmonic) / max(n_gallery - 1, 1)
    return (harmonic + others) / n_gallery
