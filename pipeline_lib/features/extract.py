"""Features of images and captions, a batch at a time. They are stored as the model gives them, not normalised."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pipeline_lib.captioning.table import CaptionTable
from pipeline_lib.common.batches import batched
from pipeline_lib.common.device import pick_device, use_threads
from pipeline_lib.common.joins import rows_of
from pipeline_lib.common.progress import progress
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.features.layers import FINAL, Blocks
from pipeline_lib.features.load import load_model
from pipeline_lib.features.models import ImageTextModel
from pipeline_lib.features.params import FeaturesParams
from pipeline_lib.features.shown import ShownImages
from pipeline_lib.features.source import FeatureRows, FeatureSource
from pipeline_lib.stimuli.made_views import MADE_VIEWS
from pipeline_lib.stimuli.params import ViewsParams


def model_source(
    params: FeaturesParams,
    stimuli: StimulusTable,
    *,
    images: Path,
    views: Path,
    captions: CaptionTable,
    made_views: ViewsParams,
) -> FeatureSource:
    """Prepare the features of a model: of every view and layer asked for, and of the captions where there are any.

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
    made_views : ViewsParams
        Section `views`: how the views that are not stored are made.

    Raises
    ------
    InputError
        If the model does not load or lacks a layer, or an image has no view or no caption.
    """
    image_ids = stimuli.frame["image_id"].tolist()
    texts = captions.texts(image_ids) if len(captions) else []
    use_threads(params.threads)
    model = load_model(params.weights, pick_device(params.device, key="features.device"))
    model.blocks.check(params.layers)
    shown = ShownImages(model, params.views, stimuli, images=images, store=views, params=made_views)

    def rows() -> Iterator[FeatureRows]:
        yield from image_features(model, shown, params.layers, params.batch_size)
        if texts:
            yield FeatureRows(f"text/{FINAL}", 0, text_features(model, texts, params.batch_size))

    attributes = {
        "model": params.model,
        "architecture": model.name,
        "normalization": "none",
        "preprocessing": str(model.settings),
        "captions": _described(captions),
        **_layers_described(model.blocks, params.layers),
        **_views_described(params.views, made_views),
    }
    return FeatureSource(attributes, rows())


def image_features(
    model: ImageTextModel, shown: ShownImages, layers: Sequence[str], batch_size: int
) -> Iterator[FeatureRows]:
    """Features of images, all layers from one forward pass of each view.

    Parameters
    ----------
    model : ImageTextModel
    shown : ShownImages
        The images and their views.
    layers : sequence of str
        Of the image tower.
    batch_size : int

    Yields
    ------
    FeatureRows
        Of a batch, a view and a layer: float32, shape (n_images, dim).
    """
    for view, start, pixels in shown.batches(batch_size):
        for layer, features in model.encode_layers(pixels, layers).items():
            yield FeatureRows(f"{view}/{layer}", start, features.numpy())


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


def _described(captions: CaptionTable) -> str:
    if not len(captions):
        return "none"
    return " ".join(filter(None, captions.frame[["source", "model"]].iloc[0]))


def _layers_described(blocks: Blocks, layers: Sequence[str]) -> dict[str, str]:
    taken = [f"{layer} behind block {blocks.number(layer)}" for layer in layers if layer != FINAL]
    return {"layers": f"{', '.join(taken)} of {len(blocks.modules)}, before the final norm"} if taken else {}


def _views_described(views: Sequence[str], params: ViewsParams) -> dict[str, str]:
    return {"views": params.model_dump_json()} if any(view in MADE_VIEWS for view in views) else {}
