"""What each query of a run found in a gallery: the rank of its own item, and the item that was ranked first."""

from dataclasses import dataclass

import numpy as np

from pipeline_lib.analysis.masking import matched
from pipeline_lib.retrieval.galleries import Targets, concepts_of
from pipeline_lib.retrieval.metrics import chance_levels, ranks
from pipeline_lib.retrieval.opened_runs import OpenedRun
from pipeline_lib.retrieval.params import GalleryName


@dataclass(frozen=True)
class FoundItems:
    """Queries and what they found.

    Attributes
    ----------
    rank : ndarray of int, shape (n_queries,)
        Of the best matching item, from 1.
    first : ndarray of int, shape (n_queries,)
        The item that is ranked first; ties count against the model.
    concepts : ndarray of str, shape (n_queries,)
        What was shown.
    items : ndarray of str, shape (n_items,)
        The concept of each item.
    chance : dict of str to float
        Of ``top1`` and the like, for all queries.
    """

    rank: np.ndarray
    first: np.ndarray
    concepts: np.ndarray
    items: np.ndarray
    chance: dict[str, float]

    @property
    def found(self) -> np.ndarray:
        """The concept of the item that is ranked first, shape (n_queries,)."""
        return self.items[self.first]


def found_items(run: OpenedRun, gallery: GalleryName) -> FoundItems:
    """Let all responses of a run look for their items."""
    similarity, relevant = matched(run, run.responses, gallery)
    concept_of = dict(zip(run.image_ids, run.targets.concepts, strict=True))
    return FoundItems(
        rank=ranks(similarity, relevant),
        first=first_items(similarity, relevant),
        concepts=np.array([concept_of[name] for name in run.shown], dtype=object),
        items=np.array(item_concepts(run.targets, gallery), dtype=object),
        chance=chance_levels(relevant.sum(axis=1), similarity.shape[1]),
    )


def first_items(similarity: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """The item that each query ranks first; of equally similar ones a wrong one, and of these the first.

    Parameters
    ----------
    similarity : ndarray, shape (n_queries, n_items)
    relevant : ndarray of bool, shape (n_queries, n_items)

    Returns
    -------
    ndarray of int, shape (n_queries,)
    """
    return np.lexsort((relevant, -similarity), axis=-1)[:, 0]


def item_concepts(targets: Targets, gallery: GalleryName) -> list[str]:
    """The concept of each item of a gallery."""
    return concepts_of(targets)[0] if gallery == "class-center" else list(targets.concepts)
