"""Test images on a plane: brain, image and text each by itself before alignment, all together after it.

t-SNE (van der Maaten & Hinton, 2008, scikit-learn's) or UMAP (McInnes, Healy & Melville, 2018, extra ``umap``) of rows
of length 1, among which Euclidean distance orders as the cosine does. Near images are similar; distances between far
ones, and the axes, mean nothing. Before alignment the three have different dimensions and a plane each.
"""

import numpy as np
import pandas as pd

from pipeline_lib.analysis.categories import categories_of
from pipeline_lib.analysis.context import Context
from pipeline_lib.analysis.params import ProjectionParams
from pipeline_lib.analysis.similarity import labels_of
from pipeline_lib.analysis.spaces import MODALITIES, Sample, sample_of
from pipeline_lib.common.errors import InputError
from pipeline_lib.retrieval.metrics import unit_rows
from pipeline_lib.retrieval.opened_runs import OpenedRun

COLUMNS = ("modality", "stage", "image_id", "concept", "category", "x", "y")
FEWEST_IMAGES = 4
PERPLEXITY, NEIGHBOURS = 30, 15  # the methods' own defaults, less where there are few points
ITERATIONS = 500  # of t-SNE: of a few hundred points the plane no longer changes


def projection(run: OpenedRun, context: Context) -> pd.DataFrame:
    """Places of the test images on a plane.

    Returns
    -------
    DataFrame
        :data:`COLUMNS`; the category is that of the first system in the table of categories, empty without one. Empty
        with ``analysis.projection.method: none`` and with fewer than four images.

    Raises
    ------
    InputError
        If UMAP is asked for and not installed.
    """
    params = context.params.projection
    if params.method == "none" or len(run.image_ids) < FEWEST_IMAGES:
        return pd.DataFrame(columns=COLUMNS)
    sample = sample_of(run, context)
    labels = labels_of(categories_of(context.params.categories, sample.concepts))
    category = next(iter(labels.values()), np.full(len(sample.concepts), "", dtype=object))
    there = [modality for modality in MODALITIES if (modality, "after") in sample.spaces]
    rows = [
        _rows(sample, category, "before", {name: on_plane(sample.spaces[name, "before"], params)}) for name in there
    ]
    together = on_plane(np.concatenate([unit_rows(sample.spaces[name, "after"]) for name in there]), params)
    after = dict(zip(there, np.split(together, len(there)), strict=True))
    return pd.concat([*rows, _rows(sample, category, "after", after)], ignore_index=True)


def on_plane(rows: np.ndarray, params: ProjectionParams) -> np.ndarray:
    """Project rows of shape (n, width); shape (n, 2). The same for the same rows and seed."""
    unit = unit_rows(rows)
    return _umap(unit, params.seed) if params.method == "umap" else _tsne(unit, params.seed)


def _tsne(rows: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
    return TSNE(perplexity=perplexity, max_iter=ITERATIONS, init="pca", random_state=seed, n_jobs=1).fit_transform(rows)


def _umap(rows: np.ndarray, seed: int) -> np.ndarray:
    try:
        from umap import UMAP
    except ImportError:
        raise InputError(
            "analysis.projection.method is umap, which needs an extra: install trialign[umap], or set it to tsne"
        ) from None
    neighbours = min(NEIGHBOURS, len(rows) - 1)
    return UMAP(n_neighbors=neighbours, init="pca", random_state=seed, n_jobs=1).fit_transform(rows)


def _rows(sample: Sample, category: np.ndarray, stage: str, places: dict[str, np.ndarray]) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "modality": modality,
                "stage": stage,
                "image_id": sample.image_ids,
                "concept": sample.concepts,
                "category": category,
                "x": xy[:, 0],
                "y": xy[:, 1],
            }
        )
        for modality, xy in places.items()
    ]
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]
