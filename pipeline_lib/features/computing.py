"""Features of many images and texts: shared between processes, kept batch by batch, taken up again after a kill."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from torch import Tensor

from pipeline_lib.common.batches import batched
from pipeline_lib.common.joins import rows_of
from pipeline_lib.common.memory import BatchLimit
from pipeline_lib.common.notices import notice
from pipeline_lib.common.processes import Group
from pipeline_lib.common.progress import progress
from pipeline_lib.features.layers import FINAL
from pipeline_lib.features.models import ImageTextModel
from pipeline_lib.features.parts import Kind, Part, Parts
from pipeline_lib.features.shown import ShownBatch, ShownImages
from pipeline_lib.features.source import FeatureRows

TEXT = f"text/{FINAL}"
CURE = "take a smaller model, or set features.device to cpu"

# Where the features of an image or text are: a part's file, and the row in it.
Places = dict[tuple[Kind, str], tuple[str, int]]


@dataclass(frozen=True)
class Job:
    """What is to be computed.

    Attributes
    ----------
    model : ImageTextModel
    shown : ShownImages
        The images and their views.
    layers : sequence of str
        Of the image tower.
    texts : sequence of str
        The caption of each image; empty: no text features.
    batch_size : int
        Images or texts at once, at most.
    """

    model: ImageTextModel
    shown: ShownImages
    layers: Sequence[str]
    texts: Sequence[str]
    batch_size: int

    @property
    def unique_texts(self) -> list[str]:
        """Each text once."""
        return list(dict.fromkeys(self.texts))


def compute(job: Job, parts: Parts, group: Group) -> tuple[Places, list[int]]:
    """Compute what is not kept already, this process its share of the batches.

    Which images are in a batch does not depend on the number of processes, so neither do the features.

    Returns
    -------
    places : dict
        Of all images and texts, in every process.
    shares : list of int
        How many images each process looked at.
    """
    with job.shown:
        places = group.by_the_first(lambda: _still_good(job, parts.load()))
        image_ids = job.shown.image_ids
        missing = [row for row, image_id in enumerate(image_ids) if ("image", image_id) not in places]
        if group.first and len(missing) < len(image_ids):
            done = len(image_ids) - len(missing)
            notice(f"features of {done} of {len(image_ids)} images are there already")
        limit = BatchLimit(job.batch_size, CURE)
        made: list[Part] = []
        for batch in job.shown.batches(group.share(list(batched(missing, job.batch_size)))):
            ids = [image_ids[row] for row in batch.rows]
            made.append(parts.append("image", ids, batch.digests, encode_batch(job, batch, limit)))
    n_images = sum(len(part.items) for part in made)
    wanting = [text for text in job.unique_texts if ("text", text) not in places]
    for texts in progress(group.share(list(batched(wanting, job.batch_size))), label="text", unit="batch"):
        made.append(parts.append("text", texts, [], {TEXT: encode_texts(job.model, texts, limit)}))
    everyones = group.everyones((_places(made), n_images))
    for found, _ in everyones:
        places.update(found)
    return places, [number for _, number in everyones]


def encode_batch(job: Job, batch: ShownBatch, limit: BatchLimit) -> dict[str, np.ndarray]:
    """Every view and layer of some images, all layers from one forward pass of each view.

    Returns
    -------
    dict of str to ndarray of float32, shape (n_images, dim)
        By dataset.
    """
    encode = partial(job.model.encode_layers, layers=job.layers)
    features: dict[str, np.ndarray] = {}
    for view, pixels in batch.pixels.items():
        pieces: list[Mapping[str, Tensor]] = [piece for _, piece in limit.in_parts(pixels, encode)]
        for layer in job.layers:
            features[f"{view}/{layer}"] = np.concatenate([piece[layer].numpy() for piece in pieces])
    return features


def encode_texts(model: ImageTextModel, texts: Sequence[str], limit: BatchLimit) -> np.ndarray:
    """Features of texts: float32, shape (n_texts, dim)."""
    return np.concatenate([piece.numpy() for _, piece in limit.in_parts(texts, model.encode_texts)])


def rows(job: Job, parts: Parts, places: Places) -> Iterator[FeatureRows]:
    """All features in the order of the images, a part or a piece of it at a time; the datasets always in one order."""
    read = lru_cache(4)(parts.read)
    datasets = [f"{view}/{layer}" for view in job.shown.views for layer in job.layers]
    for start, name, place, length in _runs([places["image", image_id] for image_id in job.shown.image_ids]):
        for dataset in datasets:
            yield FeatureRows(dataset, start, read(name)[dataset][place : place + length])
    if job.texts:
        found = [places["text", text] for text in job.unique_texts]
        encoded = np.concatenate([read(name)[TEXT][place : place + length] for _, name, place, length in _runs(found)])
        yield FeatureRows(TEXT, 0, encoded[rows_of(job.texts, job.unique_texts, what="the captions")])


def _runs(places: Sequence[tuple[str, int]]) -> Iterator[tuple[int, str, int, int]]:
    """First row, part, first row in the part, and length of what lies together in a part."""
    start = 0
    for row in range(1, len(places) + 1):
        name, place = places[start]
        if row == len(places) or places[row] != (name, place + row - start):
            yield start, name, place, row - start
            start = row


def _still_good(job: Job, kept: Sequence[Part]) -> Places:
    """Where kept features of images and texts are that are still the same."""
    row_of = {image_id: row for row, image_id in enumerate(job.shown.image_ids)}
    images = [part for part in kept if part.kind == "image"]
    there = [(part, item) for part in images for item in range(len(part.items)) if part.items[item] in row_of]
    digests = job.shown.digests([row_of[part.items[item]] for part, item in there])
    same = [(part, item) for (part, item), digest in zip(there, digests, strict=True) if part.digests[item] == digest]
    places: Places = {("image", part.items[item]): (part.name, item) for part, item in same}
    return places | _places([part for part in kept if part.kind == "text"])


def _places(made: Sequence[Part]) -> Places:
    return {(part.kind, item): (part.name, row) for part in made for row, item in enumerate(part.items)}
