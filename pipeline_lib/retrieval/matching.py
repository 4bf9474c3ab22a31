"""How responses are matched with the items of a gallery; :mod:`pipeline_lib.retrieval.matchers` knows all ways."""

from abc import ABC, abstractmethod

import numpy as np

from pipeline_lib.retrieval.galleries import Targets, build_gallery
from pipeline_lib.retrieval.metrics import cosine_similarity
from pipeline_lib.retrieval.params import GalleryName


class Matcher(ABC):
    """From a model's embeddings to similarities."""

    @abstractmethod
    def match(self, queries: np.ndarray, targets: Targets, name: GalleryName) -> tuple[np.ndarray, np.ndarray]:
        """Compare every query with every item of a gallery.

        Parameters
        ----------
        queries : ndarray, shape (n_queries, dim)
            The model's embeddings of responses.
        targets : Targets
            Its embeddings of what the gallery is made of.
        name : GalleryName

        Returns
        -------
        similarity : ndarray of float64, shape (n_queries, n_items)
        relevant : ndarray of bool, shape (n_test, n_items)
            Which items match which test image.

        Raises
        ------
        InputError
            If the gallery needs captions or other images of a concept, and there are none.
        """


class CosineMatcher(Matcher):
    """The cosine of embeddings in a shared space."""

    def match(self, queries: np.ndarray, targets: Targets, name: GalleryName) -> tuple[np.ndarray, np.ndarray]:
        """See :func:`pipeline_lib.retrieval.galleries.build_gallery` for the items."""
        gallery = build_gallery(name, targets)
        return cosine_similarity(queries, gallery.embeddings), gallery.relevant
