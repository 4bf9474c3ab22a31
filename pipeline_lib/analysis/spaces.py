"""What is known of the test images in each space: brain, image and text, before and after alignment.

Before: the mean response, laid out as one row, and the features of images and captions as the bank has them. After: the
embeddings in the shared space; of a model that embeds into a distribution (BraVL), its mean.
"""

from dataclasses import dataclass

import numpy as np

from pipeline_lib.analysis.context import Context
from pipeline_lib.common.joins import rows_of
from pipeline_lib.features.bank import open_bank
from pipeline_lib.recordings.store import EpochsStore
from pipeline_lib.retrieval.opened_runs import OpenedRun
from pipeline_lib.training.targets import TEXT_DATASET, read_target

STAGES = ("before", "after")
MODALITIES = ("brain", "image", "text")
MOST_IMAGES = 300  # of larger test sets so many are taken, evenly spread: pairs, and a plane, grow with the square

Spaces = dict[tuple[str, str], np.ndarray]


@dataclass(frozen=True)
class Sample:
    """Test images and where they lie.

    Attributes
    ----------
    image_ids, concepts : list of str
    spaces : dict of (modality, stage) to ndarray, shape (n_images, width)
        Keys are pairs of :data:`MODALITIES` and :data:`STAGES`; without text where there are no captions.
    """

    image_ids: list[str]
    concepts: list[str]
    spaces: Spaces


def sample_of(run: OpenedRun, context: Context) -> Sample:
    """Test images of a run in all spaces: all of them, or :data:`MOST_IMAGES`."""
    chosen = evenly(len(run.image_ids), MOST_IMAGES)
    image_ids = [run.image_ids[row] for row in chosen]
    means = run.store.means(test=True)
    responses = means.epochs[rows_of(image_ids, means.image_ids, what=str(run.store.path))]
    spaces = {("brain", "before"): responses, ("brain", "after"): _points(run, run.embed(responses))}
    with open_bank(context.inputs.features) as bank:
        card = run.card
        spaces["image", "before"] = read_target(bank, card.gallery_view, card.target_layer, image_ids)
        if run.targets.text is not None:
            spaces["text", "before"] = bank.read(TEXT_DATASET, image_ids)
            spaces["text", "after"] = _points(run, run.targets.text[chosen])
    spaces["image", "after"] = _points(run, run.targets.image[chosen])
    concepts = [run.targets.concepts[row] for row in chosen]
    return Sample(image_ids, concepts, {name: flat_rows(found) for name, found in spaces.items()})


def brain_halves(run: OpenedRun, image_ids: list[str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The brain of either half of the trials, by stage; empty where an image was shown once only.

    Returns
    -------
    dict of stage to tuple of two ndarray, shape (n_images, width)
    """
    halves = split_means(run.store, image_ids)
    if halves is None:
        return {}
    first, second = (flat_rows(_points(run, run.embed(half))) for half in halves)
    return {"before": (flat_rows(halves[0]), flat_rows(halves[1])), "after": (first, second)}


def split_means(store: EpochsStore, image_ids: list[str]) -> np.ndarray | None:
    """Mean responses to test images over their trials of even and of odd number, so both halves span the recording.

    Returns
    -------
    ndarray of float32, shape (2, n_images, n_channels, n_times), or None where an image was shown once only
    """
    rows = store.rows("trials", test=True)
    row = {name: i for i, name in enumerate(image_ids)}
    image = np.array([row.get(name, -1) for name in rows.image_ids])
    half = rows.column("repeat") % 2
    counts = np.stack([np.bincount(image[(image >= 0) & (half == k)], minlength=len(row)) for k in (0, 1)])
    if not counts.all():
        return None
    sums = np.zeros((2, len(row), *rows.shape[1:]), dtype=np.float32)
    for block, epochs in rows.blocks():
        for i, k, epoch in zip(image[block], half[block], epochs, strict=True):
            if i >= 0:
                sums[k, i] += epoch
    return sums / counts[:, :, None, None].astype(np.float32)


def evenly(count: int, most: int) -> np.ndarray:
    """At most `most` of the numbers below `count`, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def flat_rows(found: np.ndarray) -> np.ndarray:
    """One row per item, float64."""
    return np.asarray(found, dtype=np.float64).reshape(len(found), -1)


def _points(run: OpenedRun, embedded: np.ndarray) -> np.ndarray:
    """Embeddings as points; of a posterior, mean and log variance side by side, the mean."""
    return embedded[:, : embedded.shape[1] // 2] if run.card.kind == "bravl" else embedded
