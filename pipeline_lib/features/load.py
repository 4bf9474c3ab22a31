"""From a folder of weights to a model, whatever format the weights have."""

from pathlib import Path

import torch

from pipeline_lib.features.card import read_card
from pipeline_lib.features.models import ImageTextModel
from pipeline_lib.features.roles import player_of


def load_model(folder: Path, device: torch.device) -> ImageTextModel:
    """Load the image-text model that the model.yaml in `folder` describes, or hands its role to.

    Raises
    ------
    InputError
        If model.yaml or the weights are missing or wrong; the message names the file and the cure.
    """
    folder = player_of(folder)
    card = read_card(folder)
    if card.kind == "slip":
        from pipeline_lib.features.slip import load_slip

        return load_slip(folder, card, device)
    from pipeline_lib.features.open_clip_models import load_open_clip

    return load_open_clip(folder, card, device)
