"""What every response found among the test images: the rank of the right one, and the five best."""

import numpy as np
import pandas as pd

from pipeline_lib.analysis.context import Context
from pipeline_lib.common.joins import rows_of
from pipeline_lib.retrieval.metrics import rank_queries
from pipeline_lib.retrieval.opened_runs import OpenedRun

SHOWN = 5
GALLERY = "image"
FOUND = [f"found_{place}" for place in range(1, SHOWN + 1)]
SIMILARITIES = [f"similarity_{place}" for place in range(1, SHOWN + 1)]
COLUMNS = ["image_id", "concept", "rank", "similarity", *FOUND, *SIMILARITIES]


def ranked(run: OpenedRun, context: Context) -> pd.DataFrame:
    """The best items of gallery ``image`` for every query; columns of places beyond its size are empty.

    Returns
    -------
    DataFrame
        One row per query: ``image_id`` and ``concept`` of what was shown, the ``rank`` of that image from 1 and its
        ``similarity``, and ``found_1`` ... ``found_5`` (image ids) with ``similarity_1`` ... ``similarity_5``. Where
        similarities tie, the image that was shown stands last, as in the rank.
    """
    similarity, relevant = run.match(run.embed(run.responses), GALLERY)
    order, right = best_items(similarity, relevant), rows_of(run.shown, run.image_ids, what=str(run.store.path))
    names = np.asarray(run.image_ids, dtype=object)
    rows = np.arange(len(run.shown))
    columns = {
        "image_id": run.shown,
        "concept": context.stimuli.concepts(run.shown),
        "rank": rank_queries(similarity, relevant).best_rank,
        "similarity": similarity[rows, right],
    }
    columns |= {name: names[items] for name, items in zip(FOUND, order.T, strict=False)}
    columns |= {name: similarity[rows, items] for name, items in zip(SIMILARITIES, order.T, strict=False)}
    return pd.DataFrame(columns).reindex(columns=COLUMNS)


def best_items(similarity: np.ndarray, relevant: np.ndarray, count: int = SHOWN) -> np.ndarray:
    """The columns of the most similar items, best first, matching ones behind others that are as similar.

    Parameters
    ----------
    similarity : ndarray, shape (n_queries, n_items)
    relevant : ndarray of bool, shape (n_queries, n_items)
        Which items match which query.
    count : int
        How many, at most. Defaults to five.

    Returns
    -------
    ndarray of int, shape (n_queries, min(count, n_items))
    """
    return np.lexsort((relevant, -similarity), axis=-1)[:, :count]
