"""From a folder of weights to a model, whatever format the weights have."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from pipeline_lib.features.card import ModelCard, read_card
from pipeline_lib.features.models import ImageTextModel
from pipeline_lib.features.roles import player_of


def load_model(folder: Path, device: torch.device) -> ImageTextModel:
    """Load the model that the model.yaml in `folder` describes, or hands its role to.

    Raises
    ------
    InputError
        If model.yaml or the weights are missing or wrong; the message names the file and the cure.
    """
    folder = player_of(folder)
    card = read_card(folder)
    return _loader(card.kind)(folder, card, device)


def check_fit(model: ImageTextModel, layers: Sequence[str], *, has_captions: bool) -> None:
    """Refuse layers that the model does not have, and captions that it cannot encode.

    Raises
    ------
    InputError
    """
    model.blocks.check(layers)
    if has_captions:
        model.check_text()


def _loader(kind: str) -> Callable[[Path, ModelCard, torch.device], ImageTextModel]:
    # Each imports a library that takes seconds, so only the one that is needed does.
    if kind == "slip":
        from pipeline_lib.features.slip import load_slip as load
    elif kind == "open_clip":
        from pipeline_lib.features.open_clip_models import load_open_clip as load
    elif kind == "timm":
        from pipeline_lib.features.timm_models import load_timm as load
    else:
        from pipeline_lib.features.transformers_models import load_transformers as load
    return load
