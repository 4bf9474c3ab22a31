"""Features of images and captions, a batch at a time. They are stored as the projection gives them, not normalised."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from pipeline_lib.captioning.table import CaptionTable
from pipeline_lib.common.batches import batched
from pipeline_lib.common.device import pick_device, use_threads
from pipeline_lib.common.errors import InputError, bad_value
from pipeline_lib.common.joins import rows_of
from pipeline_lib.common.progress import progress
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.features.load import load_model
from pipeline_lib.features.models import FINAL, ImageTextModel
from pipeline_lib.features.params import FeaturesParams, View
from pipeline_lib.features.source import FeatureSource
from pipeline_lib.stimuli.images import read_image
from pipeline_lib.stimuli.views import open_views

STORED_AT_ONCE = 64  # views read from the store in one go


def model_source(
    params: FeaturesParams, stimuli: StimulusTable, *, images: Path, views: Path, captions: CaptionTable
) -> FeatureSource:
    """Prepare the features of a model: of every view that is asked for, and of the captions where there are any.

    Parameters
    ----------
    params : FeaturesParams
        Section `features`.
    stimuli : StimulusTable
        The images; its order is that of the rows.
    images : Path
        The image folder.
    views : Path
        The view store; opened only if a stored view is asked for.
    captions : CaptionTable
        Without rows, no text features are made.

    Raises
    ------
    InputError
        If the model does not load or lacks a layer, or an image has no view or no caption.
    """
    image_ids = stimuli.frame["image_id"].tolist()
    texts = captions.texts(image_ids) if len(captions) else []
    if "vse" in params.views:
        _check_store(views, image_ids)
    use_threads(params.threads)
    model = load_model(params.weights, pick_device(params.device, key="features.device"))
    for layer in params.layers:
        if layer not in model.layers:
            raise bad_value("features.layers", layer, model.layers)

    def datasets() -> Iterator[tuple[str, np.ndarray]]:
        for view in params.views:
            shown = progress(_images(view, stimuli, images, views), total=len(stimuli), label=view, unit="image")
            yield f"{view}/{FINAL}", image_features(model, shown, params.batch_size)
        if texts:
            yield f"text/{FINAL}", text_features(model, texts, params.batch_size)

    attributes = {
        "model": params.model,
        "architecture": model.name,
        "normalization": "none",
        "preprocessing": str(model.settings),
        "captions": _described(captions),
    }
    return FeatureSource(attributes, datasets())


def image_features(model: ImageTextModel, images: Iterable[np.ndarray], batch_size: int) -> np.ndarray:
    """Features of images in their shared space.

    Parameters
    ----------
    model : ImageTextModel
    images : iterable of ndarray of uint8, shape (height, width, 3)
        RGB; asked for as they are needed.
    batch_size : int

    Returns
    -------
    ndarray of float32, shape (n_images, dim)
    """
    encoded = [model.encode_images(model.preprocess(batch)).numpy() for batch in batched(images, batch_size)]
    return np.concatenate(encoded)


def text_features(model: ImageTextModel, texts: Sequence[str], batch_size: int) -> np.ndarray:
    """Features of texts; a text that occurs several times is encoded once.

    Returns
    -------
    ndarray of float32, shape (len(texts), dim)
    """
    unique = list(dict.fromkeys(texts))
    waiting = progress(unique, label="text", unit="caption")
    encoded = np.concatenate([model.encode_texts(batch).numpy() for batch in batched(waiting, batch_size)])
    return encoded[rows_of(texts, unique, what="the captions")]


def _images(view: View, stimuli: StimulusTable, images: Path, store: Path) -> Iterator[np.ndarray]:
    if view == "raw":
        for file in stimuli.frame["file"]:
            yield read_image(images / file)
        return
    with open_views(store) as opened:
        for image_ids in batched(stimuli.frame["image_id"], STORED_AT_ONCE):
            yield from opened.read(image_ids)


def _check_store(path: Path, image_ids: Sequence[str]) -> None:
    with open_views(path) as opened:
        if not opened.image_ids:
            raise InputError(f"{path} holds no views; set vse.enabled to true, or take vse out of features.views")
        rows_of(image_ids, opened.image_ids, what=str(path))


def _described(captions: CaptionTable) -> str:
    if not len(captions):
        return "none"
    return " ".join(filter(None, captions.frame[["source", "model"]].iloc[0]))
