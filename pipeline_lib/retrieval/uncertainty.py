"""How far the figures can be trusted: intervals over test images, and a test against chance.

Runs (subjects and seeds) that were tested with the same number of images are taken to share them, in the same order;
an image is then drawn, or given another's match, in all of them at once, because a hard image is hard for everyone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from pipeline_lib.retrieval.metrics import checked_relevance

DRAWS_AT_ONCE = 2_000_000

Sized = TypeVar("Sized", bound="np.ndarray | Pairings")


def bootstrap_interval(
    values: Sequence[np.ndarray],
    *,
    n_resamples: int,
    seed: int,
    level: float = 0.95,
    statistic: Callable[..., np.ndarray] = np.mean,
) -> tuple[float, float]:
    """Percentile interval of a figure, over test images drawn with replacement.

    The gallery stays as it is: the interval is about which images were asked for, not which could be mistaken.

    Parameters
    ----------
    values : sequence of ndarray, each of shape (n_images,)
        One array per run: a value for each test image.
    n_resamples : int
        Number of redrawn test sets.
    seed : int
    level : float
        Coverage. Defaults to 0.95.
    statistic : callable
        Makes one figure per run (``numpy.mean`` or ``numpy.median``); the runs' figures are averaged.

    Returns
    -------
    low, high : float
    """
    total = np.zeros(n_resamples)
    for group in _sharing_images(values):
        redrawn = [_redrawn(images, group, statistic) for images in _draws(len(group[0]), n_resamples, seed)]
        total += np.concatenate(redrawn) * len(group)
    low, high = np.quantile(total / len(values), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def permutation_p_value(
    similarities: Sequence[np.ndarray],
    relevant: Sequence[np.ndarray | None] | None = None,
    *,
    n_permutations: int,
    seed: int,
) -> float:
    """Probability of so high a mean reciprocal rank if queries and matches had nothing to do with each other.

    (1 + number of random pairings that reach the observed value) / (1 + n_permutations). The statistic is the mean
    reciprocal rank, over queries and runs, as it uses every rank: top-1 moves in steps of a whole image.

    Parameters
    ----------
    similarities : sequence of ndarray, shape (n_queries, n_gallery)
        One matrix per run.
    relevant : sequence of ndarray of bool or None, optional
        The matching items of each run. Defaults to the diagonals.
    n_permutations : int
        Number of random pairings.
    seed : int
    """
    relevant = relevant or [None] * len(similarities)
    pairings = [reciprocal_ranks(s, r) for s, r in zip(similarities, relevant, strict=True)]
    observed, shuffled = 0.0, np.zeros(n_permutations)
    for group in _sharing_images(pairings):
        queries = np.arange(len(group[0].ranks))
        rng = np.random.default_rng([seed, len(queries)])
        observed += sum(pairing.of(queries).mean() for pairing in group)
        orders = (rng.permutation(len(queries)) for _ in range(n_permutations))
        shuffled += [sum(pairing.of(order).mean() for pairing in group) for order in orders]
    tolerance = 1e-12 * abs(observed)
    return float(1 + np.count_nonzero(shuffled >= observed - tolerance)) / (1 + n_permutations)


@dataclass(frozen=True)
class Pairings:
    """1 / rank that each query would reach with the matches of any query.

    Attributes
    ----------
    ranks : ndarray, shape (n_queries, n_kinds)
        Reciprocal ranks, one column for each different set of matches: single trials of an image share theirs.
    kind : ndarray of int, shape (n_queries,)
        The column of each query's own matches.
    """

    ranks: np.ndarray
    kind: np.ndarray

    def __len__(self) -> int:
        return len(self.ranks)

    def of(self, order: np.ndarray) -> np.ndarray:
        """The reciprocal rank of each query i when it looks for the matches of query ``order[i]``."""
        return self.ranks[np.arange(len(order)), self.kind[order]]


def reciprocal_ranks(similarity: np.ndarray, relevant: np.ndarray | None = None) -> Pairings:
    """What every query would reach if it looked for the matches of another.

    Parameters
    ----------
    similarity : ndarray, shape (n_queries, n_gallery)
    relevant : ndarray of bool, shape (n_queries, n_gallery), optional
        Defaults to the diagonal.
    """
    relevant = checked_relevance(similarity, relevant)
    kinds, kind = np.unique(relevant, axis=0, return_inverse=True)
    standing = np.stack([row.size - np.searchsorted(np.sort(row), row) for row in similarity])
    reached = np.empty((len(similarity), len(kinds)))
    for column, matches in enumerate(kinds):
        best = standing[:, matches].min(axis=1, keepdims=True)
        equals = (standing[:, matches] == best).sum(axis=1, keepdims=True)
        reached[:, column] = 1.0 / (best - equals + 1)[:, 0]
    return Pairings(reached, kind.reshape(-1))


def _sharing_images(arrays: Sequence[Sized]) -> list[list[Sized]]:
    groups: dict[int, list[Sized]] = {}
    for array in arrays:
        groups.setdefault(len(array), []).append(array)
    return [groups[size] for size in sorted(groups)]


def _draws(n_images: int, n_resamples: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng([seed, n_images])
    step = max(1, DRAWS_AT_ONCE // n_images)
    for start in range(0, n_resamples, step):
        yield rng.integers(n_images, size=(min(step, n_resamples - start), n_images))


def _redrawn(images: np.ndarray, group: list[np.ndarray], statistic: Callable[..., np.ndarray]) -> np.ndarray:
    return np.mean([statistic(values[images], axis=-1) for values in group], axis=0)
