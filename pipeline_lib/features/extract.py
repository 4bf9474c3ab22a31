"""Features of a study's images and captions by a model. They are stored as the model gives them, not normalised."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import open_clip
import timm
import torch
import transformers

from pipeline_lib.captioning.table import CaptionTable
from pipeline_lib.common.device import pick_device, use_threads
from pipeline_lib.common.processes import ALONE, Group
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.features.card import read_card
from pipeline_lib.features.computing import Job, compute, rows
from pipeline_lib.features.described import made_views_described, source_described, stored_view_described
from pipeline_lib.features.layers import FINAL, Blocks
from pipeline_lib.features.load import check_fit, load_model
from pipeline_lib.features.models import ImageTextModel
from pipeline_lib.features.params import FeaturesParams
from pipeline_lib.features.parts import Parts
from pipeline_lib.features.roles import player_of
from pipeline_lib.features.shown import ShownImages
from pipeline_lib.features.source import FeatureSource
from pipeline_lib.stimuli.params import ViewsParams

# Raised when features change though no parameter and no library does: no run then takes up older ones.
VERSION = 1


def model_source(
    params: FeaturesParams,
    stimuli: StimulusTable,
    *,
    images: Path,
    views: Path,
    captions: CaptionTable,
    made_views: ViewsParams,
    out: Path,
    group: Group = ALONE,
) -> FeatureSource:
    """Compute the features of a model: of every view and layer asked for, and of the captions where there are any.

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
    out : Path
        The bank that they will be written to; until then they are kept beside it.
    group : Group
        The processes that share the work.

    Returns
    -------
    FeatureSource
        Of all features, in every process.

    Raises
    ------
    InputError
        If the model does not load or lacks a layer, or an image has no view or no caption; before anything is computed.
    """
    image_ids = stimuli.frame["image_id"].tolist()
    texts = captions.texts(image_ids) if len(captions) else []
    use_threads(params.threads)
    device = group.device or pick_device(params.device, key="features.device")
    model = load_model(params.weights, device)
    check_fit(model, params.layers, has_captions=bool(texts))
    shown = ShownImages(model, params.views, stimuli, images=images, store=views, params=made_views)
    job = Job(model, shown, params.layers, texts, params.batch_size)
    parts = Parts(out, made_of(params, model, made_views))
    places, shares = compute(job, parts, group)
    attributes = {
        **source_described(params),
        "architecture": model.name,
        "revision": f"sha256:{model.revision}",
        "normalization": "none",
        "preprocessing": str(model.settings),
        "captions": _described(captions),
        "code": code_version(),
        **_layers_described(model.blocks, params.layers),
        **made_views_described(params.views, made_views),
        **stored_view_described(params.views, views),
    }
    return FeatureSource(attributes, rows(job, parts, places), shares, parts.discard)


def made_of(params: FeaturesParams, model: ImageTextModel, made_views: ViewsParams) -> dict[str, Any]:
    """What features depend on, beside image and text; not the batch size, nor how many processes share the work."""
    libraries = (torch, open_clip, timm, transformers)
    return {
        "model": [model.name, model.revision, read_card(player_of(params.weights)).model_dump(mode="json")],
        "preprocessing": str(model.settings),
        "views": [params.views, made_views_described(params.views, made_views)],
        "layers": params.layers,
        "computation": [model.device.type, *(library.__version__ for library in libraries), VERSION],
    }


def code_version() -> str:
    """What computed the features."""
    try:
        return f"trialign {version('trialign')}, features {VERSION}"
    except PackageNotFoundError:  # run from its folder, without being installed
        return f"trialign, features {VERSION}"


def _described(captions: CaptionTable) -> str:
    if not len(captions):
        return "none"
    return " ".join(filter(None, captions.frame[["source", "model"]].iloc[0]))


def _layers_described(blocks: Blocks, layers: Sequence[str]) -> dict[str, str]:
    taken = [f"{layer} behind block {blocks.number(layer)}" for layer in layers if layer != FINAL]
    return {"layers": f"{', '.join(taken)} of {len(blocks.modules)}, before the final norm"} if taken else {}
