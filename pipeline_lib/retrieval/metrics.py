"""How well queries find their own item in a gallery.

Everything follows from a similarity matrix and the rank of the matching item. Ties count against the model: an
embedding that is the same for every image finds nothing. Plain numpy in float64, no sampling.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline_lib.retrieval.chance import first_match, mean_precision

TOP_K = (1, 5, 10)
SIMILARITY_DECIMALS = 9
MEASURES = ("top1", "top5", "top10", "mrr", "map", "median_rank")


@dataclass(frozen=True)
class Ranking:
    """Where each query found what it looked for.

    Attributes
    ----------
    best_rank : ndarray of int, shape (n_queries,)
        Rank of the best matching item, from 1.
    average_precision : ndarray, shape (n_queries,)
    n_relevant : ndarray of int, shape (n_queries,)
        How many items match each query.
    first : ndarray of int, shape (n_queries,)
        The gallery item that was ranked first.
    n_gallery : int
    """

    best_rank: np.ndarray
    average_precision: np.ndarray
    n_relevant: np.ndarray
    first: np.ndarray
    n_gallery: int


@dataclass(frozen=True)
class RetrievalMetrics:
    """Retrieval by one similarity matrix, and what chance would give.

    Attributes
    ----------
    per_query : dict of ndarray, shape (n_queries,)
        For each of :data:`MEASURES` the values whose mean (median for ``median_rank``) is reported.
    values, chance : dict of float
        For each of :data:`MEASURES`.
    n_way : dict of int to float
        Expected accuracy among n candidates.
    n_queries, n_gallery : int
    """

    per_query: dict[str, np.ndarray]
    values: dict[str, float]
    chance: dict[str, float]
    n_way: dict[int, float]
    n_queries: int
    n_gallery: int


def cosine_similarity(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Cosine of every query with every gallery item.

    Rounded to :data:`SIMILARITY_DECIMALS` decimals, below the precision of float32 embeddings: a matrix product may
    give equal rows products that differ in the last bit, and such a tie would then be broken by chance.

    Parameters
    ----------
    queries, gallery : ndarray, shapes (n_queries, dim) and (n_gallery, dim)

    Returns
    -------
    ndarray of float64, shape (n_queries, n_gallery)

    Raises
    ------
    ValueError
        If the widths differ, or a row is zero or not finite.
    """
    if queries.ndim != 2 or gallery.ndim != 2 or queries.shape[1] != gallery.shape[1]:
        raise ValueError(f"queries and gallery must be (n, dim) of one dim, got {queries.shape} and {gallery.shape}")
    return np.round(unit_rows(queries) @ unit_rows(gallery).T, SIMILARITY_DECIMALS)


def unit_rows(embeddings: np.ndarray) -> np.ndarray:
    """Each row divided by its length, as float64.

    Raises
    ------
    ValueError
        If a row is zero or not finite.
    """
    rows = np.asarray(embeddings, dtype=np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    if bad := np.flatnonzero(~(np.isfinite(length) & (length > 0))[:, 0]).tolist():
        raise ValueError(f"row {bad[0]} of the embeddings is zero or not finite")
    return rows / length


def rank_queries(similarity: np.ndarray, relevant: np.ndarray | None = None) -> Ranking:
    """Rank the gallery for every query.

    A matching item stands behind every other item that is at least as similar. With R matching items at ranks
    r_1 < ... < r_R the average precision is (1/R) Σ_j j / r_j, which is 1 / r_1 for one item.

    Parameters
    ----------
    similarity : ndarray, shape (n_queries, n_gallery)
    relevant : ndarray of bool, shape (n_queries, n_gallery), optional
        Which items match which query. Defaults to the diagonal: item i matches query i.

    Raises
    ------
    ValueError
        If the shapes do not fit, a similarity is not finite, or a query has no matching item.
    """
    relevant = checked_relevance(similarity, relevant)
    order = np.lexsort((relevant, -similarity), axis=-1)
    hits = np.take_along_axis(relevant, order, axis=1)
    n_relevant = hits.sum(axis=1)
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    return Ranking(
        best_rank=hits.argmax(axis=1) + 1,
        average_precision=(precision * hits).sum(axis=1) / n_relevant,
        n_relevant=n_relevant,
        first=order[:, 0],
        n_gallery=hits.shape[1],
    )


def ranks(similarity: np.ndarray, relevant: np.ndarray | None = None) -> np.ndarray:
    """Rank of the best matching item, from 1, for every query; see :func:`rank_queries`."""
    return rank_queries(similarity, relevant).best_rank


def checked_relevance(similarity: np.ndarray, relevant: np.ndarray | None) -> np.ndarray:
    """The matching items as a bool matrix, the diagonal by default; ValueError when they do not fit `similarity`."""
    if similarity.ndim != 2 or not similarity.size:
        raise ValueError(f"similarity must have shape (n_queries, n_gallery), got {similarity.shape}")
    if not np.isfinite(similarity).all():
        raise ValueError("similarity holds values that are not finite")
    if relevant is None:
        if similarity.shape[0] != similarity.shape[1]:
            raise ValueError(f"a similarity of shape {similarity.shape} has no diagonal; say what is relevant")
        return np.eye(len(similarity), dtype=bool)
    if relevant.shape != similarity.shape:
        raise ValueError(f"relevant has shape {relevant.shape} but similarity has {similarity.shape}")
    if not relevant.any(axis=1).all():
        raise ValueError(f"query {int(np.flatnonzero(~relevant.any(axis=1))[0])} has no matching item")
    return relevant.astype(bool)


def n_way_accuracy(rank: int, n_gallery: int, n: int) -> float:
    """Probability that the match wins against n - 1 of the other items, drawn at random.

    C(N - rank, n - 1) / C(N - 1, n - 1): the draws that hold none of the rank - 1 items ranked before it.

    Parameters
    ----------
    rank : int
        Of the match among `n_gallery` items, from 1.
    n_gallery : int
        N.
    n : int
        Number of candidates, 2 to N.
    """
    if not 2 <= n <= n_gallery:
        raise ValueError(f"n must lie within 2 and the gallery's size {n_gallery}, got {n}")
    return math.comb(n_gallery - rank, n - 1) / math.comb(n_gallery - 1, n - 1)


def retrieval_metrics(
    similarity: np.ndarray, relevant: np.ndarray | None = None, *, n_way: Sequence[int] = ()
) -> RetrievalMetrics:
    """Top-k, mean reciprocal rank, mean average precision, median rank and n-way accuracy.

    Parameters
    ----------
    similarity : ndarray, shape (n_queries, n_gallery)
    relevant : ndarray of bool, shape (n_queries, n_gallery), optional
        Defaults to the diagonal.
    n_way : sequence of int
        Those above the gallery's size are left out. Where a query has several matches, the best one competes with
        items that do not match.
    """
    return metrics_of(rank_queries(similarity, relevant), n_way=n_way)


def metrics_of(ranking: Ranking, *, n_way: Sequence[int] = ()) -> RetrievalMetrics:
    """As :func:`retrieval_metrics`, where the ranks are known already."""
    rank = ranking.best_rank
    per_query = {f"top{k}": (rank <= k).astype(np.float64) for k in TOP_K}
    per_query |= {"mrr": 1.0 / rank, "map": ranking.average_precision, "median_rank": rank.astype(np.float64)}
    return RetrievalMetrics(
        per_query=per_query,
        values={name: summary(name)(values).item() for name, values in per_query.items()},
        chance=chance_levels(ranking.n_relevant, ranking.n_gallery),
        n_way=_n_way_table(ranking, n_way),
        n_queries=len(rank),
        n_gallery=ranking.n_gallery,
    )


def summary(measure: str) -> Callable[..., Any]:
    """What makes one figure of the values per query: ``numpy.median`` for ``median_rank``, else ``numpy.mean``."""
    return np.median if measure == "median_rank" else np.mean


def _n_way_table(ranking: Ranking, n_way: Sequence[int]) -> dict[int, float]:
    competitors = ranking.n_gallery - ranking.n_relevant
    sizes = [n for n in n_way if n - 1 <= competitors.min()]
    pairs = list(zip(ranking.best_rank.tolist(), (competitors + 1).tolist(), strict=True))
    known = {(pair, n): n_way_accuracy(*pair, n) for pair in set(pairs) for n in sizes}
    return {n: math.fsum(known[pair, n] for pair in pairs) / len(pairs) for n in sizes}


def chance_levels(n_relevant: np.ndarray, n_gallery: int) -> dict[str, float]:
    """What a random order of the gallery gives on average, for each of :data:`MEASURES`.

    With one match among N: k/N, the harmonic number H_N over N, and (N + 1)/2.

    Parameters
    ----------
    n_relevant : ndarray of int, shape (n_queries,)
        Matching items per query.
    n_gallery : int
        N.
    """
    first_at = first_match(n_relevant, n_gallery)
    reached = np.cumsum(first_at)
    levels = {f"top{k}": float(reached[min(k, n_gallery) - 1]) for k in TOP_K}
    levels["mrr"] = float(first_at @ (1.0 / np.arange(1, n_gallery + 1)))
    levels["map"] = mean_precision(n_relevant, n_gallery)
    levels["median_rank"] = float(np.searchsorted(reached, 0.5 - 1e-9) + np.searchsorted(reached, 0.5 + 1e-9) + 2) / 2
    return levels
