"""Top-k accuracy for every small k: how fast a match is found, where top-1 and top-5 are two points."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pipeline_lib.retrieval.chance import first_match
from pipeline_lib.retrieval.report import rounded, write_csv
from pipeline_lib.retrieval.summaries import Result

MOST = 50


def write_top_k_rows(results: Iterable[Result], path: Path) -> None:
    """Write one row per protocol, gallery, direction and k, as csv.

    ``accuracy`` is the mean over runs; k ends at :data:`MOST` or the size of the smallest gallery.

    Parameters
    ----------
    results : iterable of Result
        Every seed with the same subjects.
    path : Path
    """
    groups: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.protocol, result.gallery, result.direction), []).append(result)
    rows = ((*names, *row) for names, runs in groups.items() for row in _curve(runs))
    write_csv(path, ("protocol", "gallery", "direction", "k", "accuracy", "chance"), rows)


def _curve(runs: list[Result]) -> Iterator[tuple[Any, ...]]:
    last = min(MOST, *(run.ranking.n_gallery for run in runs))
    k = np.arange(1, last + 1)
    accuracy = np.mean([(run.ranking.best_rank[:, None] <= k).mean(axis=0) for run in runs], axis=0)
    by_chance = [np.cumsum(first_match(run.ranking.n_relevant, run.ranking.n_gallery))[:last] for run in runs]
    yield from zip(k.tolist(), rounded(accuracy.tolist()), rounded(np.mean(by_chance, axis=0).tolist()), strict=True)
