"""Representational similarity of brain, image and text, before and after alignment, and with the concepts' categories.

Each space is compared with the others at the same stage and with model matrices: one for each category system, whose
images are near where their category is the same, and of several systems together (``all categories``), where the
distance is the share of systems that tell two images apart. How to read it: alignment works where the aligned brain
agrees better with images and categories than the responses that it was made of.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pipeline_lib.analysis.categories import categories_of
from pipeline_lib.analysis.context import Context
from pipeline_lib.analysis.dissimilarity import (
    FEWEST_IMAGES,
    cosine_distances,
    model_distances,
    noise_ceiling,
    rank_agreement,
)
from pipeline_lib.analysis.spaces import MODALITIES, STAGES, brain_halves, sample_of
from pipeline_lib.retrieval.opened_runs import OpenedRun

COLUMNS = ("space", "stage", "compared_with", "rho", "p", "ceiling_low", "ceiling_high")
ALL = "all categories"


def similarity(run: OpenedRun, context: Context) -> pd.DataFrame:
    """How far spaces agree about the test images, see :mod:`pipeline_lib.analysis.dissimilarity`.

    Returns
    -------
    DataFrame
        :data:`COLUMNS`. ``stage`` is that of both spaces. The ceiling is of the brain at that stage, by halves of the
        person's own trials; NaN for other spaces and where images were shown once. Empty with fewer than three images.
    """
    sample = sample_of(run, context)
    if len(sample.image_ids) < FEWEST_IMAGES:
        return pd.DataFrame(columns=COLUMNS)
    models = category_models(labels_of(categories_of(context.params.categories, sample.concepts)))
    halves = brain_halves(run, sample.image_ids)
    ceilings = {stage: noise_ceiling(*map(cosine_distances, both)) for stage, both in halves.items()}
    distances = {name: cosine_distances(rows) for name, rows in sample.spaces.items()}
    rows = []
    for stage in STAGES:
        here = {space: distances[space, stage] for space in MODALITIES if (space, stage) in distances}
        for space, other, rho, p in _comparisons(here, models):
            ceiling = ceilings.get(stage, (np.nan, np.nan)) if space == "brain" else (np.nan, np.nan)
            rows.append((space, stage, other, rho, p, *ceiling))
    return pd.DataFrame(rows, columns=COLUMNS)


def labels_of(categories: pd.DataFrame) -> dict[str, np.ndarray]:
    """The category of each image by system, shape (n_images,); an empty text where there is none."""
    return {str(system): categories[system].to_numpy(dtype=object) for system in categories}


def category_models(labels: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Model matrices by system, each with the images that it holds.

    Returns
    -------
    dict of str to tuple of ndarray of int, shape (n,), and ndarray, shape (n, n)
        Rows of the images that have a category, and their distances.
    """
    models = {}
    for system, names in labels.items():
        rows = np.flatnonzero(names != "")
        models[system] = rows, model_distances(names[rows])
    if len(labels) > 1:
        rows = np.flatnonzero(np.all([names != "" for names in labels.values()], axis=0))
        models[ALL] = rows, np.mean([model_distances(names[rows]) for names in labels.values()], axis=0)
    return models


def _comparisons(
    here: dict[str, np.ndarray], models: dict[str, tuple[np.ndarray, np.ndarray]]
) -> Iterator[tuple[str, str, float, float]]:
    """Each pair of spaces once, and each space with each model: names, ρ and p."""
    for space, found in here.items():
        for other in list(here)[list(here).index(space) + 1 :]:
            yield space, other, *rank_agreement(found, here[other])
        for system, (rows, model) in models.items():
            yield space, system, *rank_agreement(found[np.ix_(rows, rows)], model)
