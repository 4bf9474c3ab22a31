"""Representational dissimilarity: which images a space holds apart, and how far two spaces agree about it.

    D_ij = 1 − cos(x_i, x_j)
    ρ(D, E) = Spearman's correlation over the pairs i < j, ties at their mean rank
    p = (1 + permutations of the images of E with a ρ at least as large) / (1 + permutations)

Source: Kriegeskorte, Mur & Bandettini, Representational similarity analysis, Front. Syst. Neurosci. 2008.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from pipeline_lib.retrieval.metrics import unit_rows

PERMUTATIONS, SEED = 500, 0
FEWEST_IMAGES = 3  # two images are one pair, and one pair has no rank
AT_ONCE = 1 << 22  # pairs of all permutations in memory
DECIMALS = 9  # as of similarities: equal pairs stay equal whatever the order of the sums


def cosine_distances(rows: np.ndarray) -> np.ndarray:
    """D of rows of shape (n_images, width); shape (n_images, n_images)."""
    unit = unit_rows(rows)
    return np.round(1 - unit @ unit.T, DECIMALS)


def model_distances(labels: Sequence[str]) -> np.ndarray:
    """0 between images of one category and 1 between others, shape (n_images, n_images)."""
    names = np.asarray(labels, dtype=object)
    return (names[:, None] != names[None, :]).astype(np.float64)


def rank_agreement(first: np.ndarray, second: np.ndarray, permutations: int = PERMUTATIONS) -> tuple[float, float]:
    """ρ and p of two dissimilarity matrices of the same images.

    Parameters
    ----------
    first, second : ndarray, shape (n_images, n_images)
        Symmetric; the diagonal plays no part.
    permutations : int
        Drawn with a fixed seed; 0 leaves p out. Defaults to :data:`PERMUTATIONS`.

    Returns
    -------
    rho, p : float
        NaN both where one of the two holds all pairs equally far apart, or there are fewer than three images.
    """
    n_images = len(first)
    if n_images < FEWEST_IMAGES:
        return np.nan, np.nan
    pairs = np.triu_indices(n_images, 1)
    fixed, moved = _standard_ranks(first[pairs]), _standard_ranks(second[pairs])
    if not (fixed.any() and moved.any()):
        return np.nan, np.nan
    rho = float(fixed @ moved)
    if not permutations:
        return rho, np.nan
    square = np.zeros((n_images, n_images))
    square[pairs] = square.T[pairs] = moved
    rng, reached = np.random.default_rng(SEED), 0
    for count in _parts(permutations, max(1, AT_ONCE // len(fixed))):
        orders = np.stack([rng.permutation(n_images) for _ in range(count)])
        drawn = square[orders[:, pairs[0]], orders[:, pairs[1]]] @ fixed
        reached += int((drawn >= rho - 1e-12).sum())
    return rho, (1 + reached) / (1 + permutations)


def noise_ceiling(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """How well anything could agree with a dissimilarity matrix that is measured with noise.

    With r = ρ between the matrices of the two halves of the trials:

        low = r                        what measurements as noisy as a half agree
        high = √(2 r / (1 + r))        what a matrix without noise would reach with that of all trials

    2 r / (1 + r) is the reliability of all trials by Spearman-Brown, and its root the correlation with the true matrix
    where the halves' errors are independent. The halves are those of one person: the ceiling is of what that person's
    trials can show, and says nothing about others.

    Parameters
    ----------
    first, second : ndarray, shape (n_images, n_images)
        Of either half.

    Returns
    -------
    low, high : float
        low ≤ high ≤ 1; high is 0 where the halves do not agree at all. NaN both where ρ is.
    """
    r, _ = rank_agreement(first, second, permutations=0)
    return r, float(np.sqrt(2 * max(r, 0) / (1 + max(r, 0)))) if np.isfinite(r) else np.nan


def _standard_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks with mean 0 and length 1; zeros where all values are equal."""
    ranks = rankdata(values)
    ranks -= ranks.mean()
    length = np.linalg.norm(ranks)
    return ranks / length if length else ranks


def _parts(total: int, size: int) -> list[int]:
    return [min(size, total - start) for start in range(0, total, size)]
