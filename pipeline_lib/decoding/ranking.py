"""Every trial's gallery, best image first."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.outputs import written_whole
from pipeline_lib.retrieval.metrics import ranks

UNKNOWN = 0  # the rank of an image that is not known, or not in the gallery
COLUMNS = ("trial", "recording", "session", "onset", "trials", "shown", "rank", "place", "found", "similarity")


@dataclass(frozen=True)
class Ranked:
    """The best images of each query.

    Attributes
    ----------
    queries : DataFrame
        A row for each trial, or for each image whose trials were averaged: ``trial`` (from 1), ``recording`` (empty),
        ``session`` (0) and ``onset`` (NaN: where it is not known, or not the same for all that were averaged),
        ``trials`` (how many), ``shown`` (empty where unknown), ``item`` (its row in the gallery, -1 for none) and
        ``rank`` (0 for none).
    found : ndarray of int, shape (n_queries, n_top)
        Rows of the gallery.
    similarity : ndarray of float64, shape (n_queries, n_top)
    image_ids : list of str
        Of the gallery.
    """

    queries: pd.DataFrame
    found: np.ndarray
    similarity: np.ndarray
    image_ids: list[str]

    def summary(self) -> str:
        """How often what was shown is found, where that is known."""
        known = self.queries.loc[self.queries["rank"] > UNKNOWN, "rank"]
        if not len(known):
            return "what was shown is unknown, or not in the gallery"
        size = len(self.image_ids)
        parts = [f"top-{k} {np.mean(known <= k):.1%} (chance {min(k, size) / size:.1%})" for k in (1, 5)]
        n_queries = len(self.queries)
        of = "" if len(known) == n_queries else f"; over the {len(known)} of {n_queries} whose image is in the gallery"
        return f"{', '.join(parts)}, median rank {np.median(known):g} of {size}{of}"


def averaged(epochs: np.ndarray, trials: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """The mean over the trials of each image, as `evaluate` takes it with ``repeats: mean``.

    Parameters
    ----------
    epochs : ndarray of float32, shape (n_trials, n_channels, n_times)
    trials : DataFrame
        With columns ``shown`` and ``trials``; those whose image is unknown are left out.

    Returns
    -------
    epochs : ndarray of float32, shape (n_images, n_channels, n_times)
    queries : DataFrame
        A row for each image, in the order of their first trials; :attr:`Ranked.queries` says what it holds.

    Raises
    ------
    InputError
        If no image is known.
    """
    shown = trials["shown"].to_numpy(dtype=object)
    names = [name for name in dict.fromkeys(shown) if name]
    if not names:
        raise InputError("--average image needs to know what was shown; give --events with images, or --stimuli")
    rows = [np.flatnonzero(shown == name) for name in names]
    means = np.stack([epochs[of_image].mean(axis=0, dtype=np.float64).astype(np.float32) for of_image in rows])
    queries = trials.iloc[[of_image[0] for of_image in rows]].assign(trials=[len(of_image) for of_image in rows])
    for name, unclear in {"recording": "", "session": 0, "onset": np.nan}.items():
        column = trials[name].to_numpy()
        queries[name] = [column[of_image[0]] if len(set(column[of_image])) == 1 else unclear for of_image in rows]
    return means, queries.reset_index(drop=True)


def rank(similarity: np.ndarray, queries: pd.DataFrame, items: np.ndarray, image_ids: list[str], top: int) -> Ranked:
    """Sort the gallery for each query; of equally similar images, the one that was shown stands behind the others.

    Parameters
    ----------
    similarity : ndarray of float64, shape (n_queries, n_items)
    queries : DataFrame
        What is known of each query.
    items : ndarray of int, shape (n_queries,)
        The gallery's row of what was shown; -1 where that is unknown, or not there.
    image_ids : list of str
        Of the gallery.
    top : int
        How many places are kept.
    """
    relevant = items[:, None] == np.arange(similarity.shape[1])
    order = np.lexsort((relevant, -similarity), axis=-1)[:, :top]
    known, place = items >= 0, np.full(len(items), UNKNOWN)
    if known.any():
        place[known] = ranks(similarity[known], relevant[known])
    table = queries.assign(item=items, rank=place)
    table.insert(0, "trial", np.arange(1, len(table) + 1))
    return Ranked(table, order, np.take_along_axis(similarity, order, axis=1), image_ids)


def write_ranking(path: Path, ranked: Ranked) -> None:
    """Write a row for each trial and place, whole or not at all; what is unknown is empty."""
    n_top = ranked.found.shape[1]
    rows = ranked.queries.loc[ranked.queries.index.repeat(n_top)].reset_index(drop=True)
    rows["place"] = np.tile(np.arange(1, n_top + 1), len(ranked.queries))
    rows["found"] = _names(ranked.image_ids, ranked.found.ravel())
    rows["similarity"] = ranked.similarity.ravel()
    for name in ("rank", "session"):
        rows[name] = rows[name].astype("Int64").where(rows[name] > 0)
    with written_whole(path) as unfinished:
        rows[list(COLUMNS)].to_csv(unfinished, index=False, float_format="%.9g", lineterminator="\n")


def _names(image_ids: Sequence[str], rows: np.ndarray) -> np.ndarray:
    return np.asarray(image_ids, dtype=object)[rows]
