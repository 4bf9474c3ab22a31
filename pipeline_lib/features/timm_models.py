"""Image towers of timm: DINOv2 and any other, with weights from a local file or a hub.

The final features are what timm gives without a classifier: of most vision transformers the class token behind the
final norm, of others the mean over places.
"""

import json
import sys
from pathlib import Path
from typing import Any

import timm
import torch
from timm.data import resolve_data_config
from torch import nn

from pipeline_lib.common.digests import digest_of_files
from pipeline_lib.common.errors import InputError, bad_value
from pipeline_lib.features.card import CARD, ImageSettings, ModelCard, weight_files
from pipeline_lib.features.models import ImageTextModel, ImageTower
from pipeline_lib.features.weights import StateDict, load_strictly, read_state_dict
from pipeline_lib.fetching.hub import fetched

HUB_CONFIG = "config.json"
PATCHES = "patch_embed.proj.weight"


def load_timm(folder: Path, card: ModelCard, device: torch.device) -> ImageTextModel:
    """Load an image tower of timm.

    Parameters
    ----------
    folder : Path
        Holds the weights, unless `card` names a hub's.
    card : ModelCard
        Content of the folder's model.yaml. Another ``image_size`` than the tower's own is allowed where timm can
        interpolate the position embeddings.
    device : torch.device

    Raises
    ------
    InputError
        If the architecture is unknown, or the weights are missing, unsafe or do not fit.
    """
    where = Path(folder) / CARD
    place, architecture, own, arguments = _source(Path(folder), card, where)
    if architecture not in timm.list_models():
        raise bad_value("architecture", architecture, timm.list_models(), where=str(where))
    tower = _built(architecture, arguments, card, where)
    files = weight_files(place, card)
    load_strictly(tower, _fitted(read_state_dict(files[0]), tower, files[0]), str(files[0]))
    network = ImageTower(tower).to(device).eval()
    settings = _settings({**tower.pretrained_cfg, **own}, tower, card, where)
    return ImageTextModel(
        f"timm {architecture}", network, None, settings, tower.num_features, device, digest_of_files(files)
    )


def _source(folder: Path, card: ModelCard, where: Path) -> tuple[Path, str, dict[str, Any], dict[str, Any]]:
    """Folder of the weights, architecture, how images are prepared, and what the tower is built with."""
    if not card.hub:
        if card.architecture is None:
            raise InputError(f"{where}: architecture is missing; name one of timm's, or a hub")
        return folder, card.architecture, {}, {}
    place = fetched(card.hub, str(where))
    try:
        config = json.loads((place / HUB_CONFIG).read_text(encoding="utf-8"))
        own = config.get("pretrained_cfg", {})
        return place, card.architecture or config["architecture"], own, config.get("model_args", {})
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{place / HUB_CONFIG}: not a timm configuration: {type(error).__name__}: {error}") from None


def _built(architecture: str, arguments: dict[str, Any], card: ModelCard, where: Path) -> nn.Module:
    size = {} if card.image_size is None else {"img_size": card.image_size}
    try:
        return timm.create_model(architecture, pretrained=False, **{**arguments, **size, "num_classes": 0})
    except TypeError as error:
        if size and "img_size" in str(error):  # a tower without position embeddings sees any size
            return _built(architecture, arguments, card.model_copy(update={"image_size": None}), where)
        raise InputError(f"{where}: architecture {architecture!r} cannot be built: {error}") from None
    except (ValueError, RuntimeError, AssertionError) as error:
        raise InputError(f"{where}: architecture {architecture!r} cannot be built: {error}") from None


def _fitted(state: StateDict, tower: nn.Module, path: Path) -> StateDict:
    """The weights as this version of timm names them, without the classifier, position embeddings interpolated."""
    wanted = tower.state_dict()
    if PATCHES in state and PATCHES in wanted and state[PATCHES].shape != wanted[PATCHES].shape:
        # timm would interpolate them too, and hide that the weights are another model's.
        raise InputError(
            f"{path}: tensor {PATCHES} has shape {tuple(state[PATCHES].shape)}, allowed: "
            f"{tuple(wanted[PATCHES].shape)}; the weights do not fit the architecture"
        )
    convert = getattr(sys.modules[type(tower).__module__], "checkpoint_filter_fn", None)
    try:
        state = convert(state, tower) if convert else state
    except Exception as error:  # a converter stumbles over whatever it does not expect
        raise InputError(f"{path}: the weights do not fit the architecture ({type(error).__name__}: {error})") from None
    classifier = tower.pretrained_cfg.get("classifier") or ()
    heads = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    return {
        name: tensor
        for name, tensor in state.items()
        if name in wanted or not name.startswith(tuple(f"{head}." for head in heads))
    }


def _settings(own: dict[str, Any], tower: nn.Module, card: ModelCard, where: Path) -> ImageSettings:
    """As timm's own transform of test images has them."""
    data = resolve_data_config({}, pretrained_cfg=own)
    size = card.image_size or data["input_size"][-1]
    return card.settings(
        where,
        image_size=size,
        resize=int(size / data["crop_pct"]) if data["crop_mode"] != "squash" else None,
        fit="squash" if data["crop_mode"] == "squash" else "crop",
        mean=tuple(data["mean"]),
        std=tuple(data["std"]),
        interpolation="bilinear" if data["interpolation"] == "bilinear" else "bicubic",
    )
