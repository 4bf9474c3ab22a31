"""From similarity matrices of single runs to the figures that are reported for all of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from pipeline_lib.common.errors import InputError
from pipeline_lib.retrieval.galleries import Names
from pipeline_lib.retrieval.metrics import (
    MEASURES,
    Ranking,
    RetrievalMetrics,
    checked_relevance,
    metrics_of,
    rank_queries,
    summary,
)
from pipeline_lib.retrieval.uncertainty import bootstrap_interval, permutation_p_value

FROM_BRAIN = "from-brain"
TO_BRAIN = "to-brain"


@dataclass(frozen=True)
class Result:
    """What one trained model found among the test images of one subject.

    Attributes
    ----------
    protocol : str
        ``intra`` (tested on the subject it was trained on) or ``inter`` (on a subject left out of training).
    subject : str
        The tested subject.
    seed : int
    gallery : str
        See :mod:`pipeline_lib.retrieval.galleries`.
    direction : str
        :data:`FROM_BRAIN` (brain embeddings are the queries) or :data:`TO_BRAIN`.
    similarity : ndarray, shape (n_queries, n_gallery)
    relevant : ndarray of bool, shape (n_queries, n_gallery), optional
        Defaults to the diagonal.
    names : Names, optional
    """

    protocol: str
    subject: str
    seed: int
    gallery: str
    direction: str
    similarity: np.ndarray
    relevant: np.ndarray | None = None
    names: Names | None = None

    @cached_property
    def ranking(self) -> Ranking:
        """Where each query found what it looked for: sorted once, as several tables need it."""
        return rank_queries(self.similarity, self.relevant)


def both_directions(result: Result) -> tuple[Result, Result]:
    """`result`, and the same with queries and gallery exchanged, which has no names.

    Gallery items that match no query of this run are asked for by nobody in the exchanged one.
    """
    relevant = checked_relevance(result.similarity, result.relevant)
    asked = relevant.any(axis=0)
    direction = TO_BRAIN if result.direction == FROM_BRAIN else FROM_BRAIN
    similarity, relevant = result.similarity.T[asked], relevant.T[asked]
    return result, replace(result, direction=direction, similarity=similarity, relevant=relevant, names=None)


def summarise(
    runs: Sequence[Result], *, n_way: Sequence[int], bootstrap: int, permutations: int, seed: int
) -> dict[str, Any]:
    """The figures of runs that differ in subject and seed only.

    Parameters
    ----------
    runs : sequence of Result
        Every seed with the same subjects.
    n_way : sequence of int
        Those above the smallest gallery are left out.
    bootstrap, permutations : int
        Resamples of the intervals and of the p-value; 0 leaves them out (None).
    seed : int
        Of both.

    Returns
    -------
    dict
        ``queries``, ``gallery_size``, ``subjects``, ``seeds`` (counts); for each of
        :data:`~pipeline_lib.retrieval.metrics.MEASURES` its mean over seeds of the mean over subjects; ``sd`` of it
        over seeds (None for a single seed, which has none); ``interval`` (95 %, over test images); ``chance``;
        ``n_way``; ``p``.

    Raises
    ------
    InputError
        If a gallery holds fewer than two items: nothing can be mistaken for anything.
    ValueError
        If the seeds do not have the same subjects, or a run stands there twice.
    """
    _check_runs(runs)
    metrics = [metrics_of(run.ranking, n_way=n_way) for run in runs]
    shares = [run.seed for run in runs]
    means = {name: _over_seeds([m.values[name] for m in metrics], shares) for name in MEASURES}
    return {
        "queries": _one_or_range(m.n_queries for m in metrics),
        "gallery_size": _one_or_range(m.n_gallery for m in metrics),
        "subjects": len({run.subject for run in runs}),
        "seeds": len(set(shares)),
        **{name: mean for name, (mean, _) in means.items()},
        "sd": {name: sd for name, (_, sd) in means.items()} if len(set(shares)) > 1 else None,
        "interval": _intervals(metrics, bootstrap, seed) if bootstrap else None,
        "chance": {name: float(np.mean([m.chance[name] for m in metrics])) for name in MEASURES},
        "n_way": {
            str(n): float(np.mean([m.n_way[n] for m in metrics])) for n in n_way if all(n in m.n_way for m in metrics)
        },
        "p": _p_value(runs, permutations, seed) if permutations else None,
    }


def _check_runs(runs: Sequence[Result]) -> None:
    keys = [(run.seed, run.subject) for run in runs]
    subjects = [{subject for s, subject in keys if s == seed} for seed, _ in keys]
    if len(set(keys)) < len(keys) or any(group != subjects[0] for group in subjects):
        raise ValueError(f"every seed needs the same subjects, each once; got {sorted(keys)}")
    for run in runs:
        if run.similarity.shape[1] < 2:
            raise InputError(
                f"subject {run.subject!r}: gallery {run.gallery!r} holds {run.similarity.shape[1]} item; retrieval "
                "needs at least 2 test images"
            )


def _over_seeds(values: list[float], seeds: list[int]) -> tuple[float, float | None]:
    by_seed = [np.mean([v for v, s in zip(values, seeds, strict=True) if s == seed]) for seed in dict.fromkeys(seeds)]
    return float(np.mean(by_seed)), float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else None


def _intervals(metrics: list[RetrievalMetrics], n_resamples: int, seed: int) -> dict[str, list[float]]:
    return {
        name: list(
            bootstrap_interval(
                [m.per_query[name] for m in metrics], n_resamples=n_resamples, seed=seed, statistic=summary(name)
            )
        )
        for name in MEASURES
    }


def _p_value(runs: Sequence[Result], n_permutations: int, seed: int) -> float:
    return permutation_p_value(
        [run.similarity for run in runs], [run.relevant for run in runs], n_permutations=n_permutations, seed=seed
    )


def _one_or_range(counts: Iterable[int]) -> int | str:
    different = sorted(set(counts))
    return different[0] if len(different) == 1 else f"{different[0]}-{different[-1]}"
