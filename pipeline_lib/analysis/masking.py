"""Responses of which a trained model sees a part only: what it does not see is replaced by what tells it nothing.

The filling is the mean response to the training images, channel by channel and sample by sample: what the model expects
of anybody who looks at anything. Zeros would be a response that it has never met, because whitening leaves the part of
the response that all images share (a third of the rms of the phantom's test responses); the shift that comes from its
absence would be counted among the costs of the mask. The mean is that of the tested person, whose own training
partition serves whitening, too; test images have no part in it.
"""

import numpy as np

from pipeline_lib.recordings.store import EpochsStore
from pipeline_lib.retrieval.metrics import retrieval_metrics
from pipeline_lib.retrieval.opened_runs import OpenedRun
from pipeline_lib.retrieval.params import GalleryName

ACCURACIES = ("top1", "top5", "chance1", "chance5")


def mean_response(store: EpochsStore) -> np.ndarray:
    """The mean over the training images, each of them the mean of its trials; float32, shape (n_channels, n_times)."""
    rows = store.rows("means", test=False)
    total = np.zeros(rows.shape[1:])
    for _, block in rows.blocks():
        total += block.sum(axis=0, dtype=np.float64)
    return (total / len(rows)).astype(np.float32)


def masked(responses: np.ndarray, kept: np.ndarray, filling: np.ndarray) -> np.ndarray:
    """Responses as they are where `kept` says so, and `filling` elsewhere.

    Parameters
    ----------
    responses : ndarray of float32, shape (n_queries, n_channels, n_times)
    kept : ndarray of bool, shape (n_channels, 1), (n_times,) or (n_channels, n_times)
    filling : ndarray of float32, shape (n_channels, n_times)

    Returns
    -------
    ndarray of float32, shape (n_queries, n_channels, n_times)
    """
    return np.where(kept, responses, filling)


def matched(run: OpenedRun, responses: np.ndarray, gallery: GalleryName) -> tuple[np.ndarray, np.ndarray]:
    """Embed responses and compare them with a gallery, as :meth:`OpenedRun.match` does.

    A response that the model embeds as zero has no direction; it is alike all items, and ties count against the model.
    """
    queries = run.embed(responses)
    silent = ~queries.any(axis=1)
    similarity, relevant = run.match(np.where(silent[:, None], 1, queries), gallery)
    similarity[silent] = 0
    return similarity, relevant


def accuracy(run: OpenedRun, responses: np.ndarray, gallery: GalleryName) -> dict[str, float]:
    """Top-1 and top-5 accuracy by responses like the run's own, and what chance would give: :data:`ACCURACIES`."""
    found = retrieval_metrics(*matched(run, responses, gallery))
    values = (found.values["top1"], found.values["top5"], found.chance["top1"], found.chance["top5"])
    return dict(zip(ACCURACIES, values, strict=True))
