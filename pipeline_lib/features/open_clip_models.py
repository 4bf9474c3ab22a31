"""Any architecture of open_clip, with weights from a local file, one of its tags, or a hub."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import open_clip
import torch
from open_clip.model import CLIP, CustomTextCLIP, convert_to_custom_text_state_dict
from open_clip.transform import PreprocessCfg

from pipeline_lib.common.digests import digest_of_files
from pipeline_lib.common.errors import InputError, bad_value, did_you_mean, listed
from pipeline_lib.features.card import CARD, ImageSettings, ModelCard, weight_files
from pipeline_lib.features.models import ImageTextModel
from pipeline_lib.features.open_clip_tokens import load_tokenizer
from pipeline_lib.features.weights import StateDict, load_strictly, read_state_dict
from pipeline_lib.fetching.hub import fetched

LOSS_SCALARS = ("logit_scale", "logit_bias")  # of the loss, not of a tower; their shapes vary between versions
HUB_CONFIG = "open_clip_config.json"


class _Source(NamedTuple):
    """Where a model's files are, and what it is."""

    folder: Path
    architecture: str
    weights: str | None
    config: dict[str, Any]
    preparation: dict[str, Any]


def load_open_clip(folder: Path, card: ModelCard, device: torch.device) -> ImageTextModel:
    """Load an open_clip model.

    Parameters
    ----------
    folder : Path
        Holds the weights, and the configuration, unless `card` names those of open_clip or of a hub.
    card : ModelCard
        Content of the folder's model.yaml.
    device : torch.device

    Raises
    ------
    InputError
        If the architecture is unknown or needs what is not there, or the weights are missing, unsafe or do not fit.
    """
    where = Path(folder) / CARD
    source = _source(Path(folder), card)
    config = source.config
    _check_towers(config, source.architecture, where)
    settings = _settings(source, card, where)
    tokenize = load_tokenizer(config["text_cfg"], Path(folder), card, source.folder)
    network = build_network(config, source.architecture, where)
    files = weight_files(source.folder, card.model_copy(update={"weights": source.weights}))
    path = files[0]
    load_strictly(network, _renamed(read_state_dict(path), network), str(path), ignored=LOSS_SCALARS)
    name, revision = f"open_clip {source.architecture}", digest_of_files(files)
    return ImageTextModel(name, network.to(device).eval(), tokenize, settings, config["embed_dim"], device, revision)


def _source(folder: Path, card: ModelCard) -> _Source:
    where = str(folder / CARD)
    if card.hub:
        place = fetched(card.hub, where)
        config, preparation = _read_config(place / HUB_CONFIG)
        return _Source(place, card.hub, None, config, preparation)
    if card.architecture is None:
        raise InputError(
            f"{where}: architecture is missing; name one of open_clip's, or a configuration file beside it"
        )
    if card.architecture.endswith(".json"):
        if not (folder / card.architecture).is_file():
            raise bad_value("architecture", card.architecture, "a file in the same folder", where=where)
        return _Source(folder, card.architecture, card.weights, *_read_config(folder / card.architecture))
    if card.architecture not in open_clip.list_models():  # other names would be looked up in a hub
        raise bad_value("architecture", card.architecture, open_clip.list_models(), where=where)
    config = open_clip.get_model_config(card.architecture)
    if card.pretrained:
        return _of_tag(card, config, where)
    return _Source(folder, card.architecture, card.weights, config, {})


def _of_tag(card: ModelCard, config: dict[str, Any], where: str) -> _Source:
    tags = open_clip.list_pretrained_tags_by_model(card.architecture)
    if card.pretrained not in tags:
        close = did_you_mean(card.pretrained, tags)
        raise InputError(
            f"{where}: pretrained is {card.pretrained!r}, allowed for {card.architecture}: "
            f"{listed(tags, most=40) or 'nothing, name a file as weights'}{'; ' + close if close else ''}"
        )
    found = open_clip.get_pretrained_cfg(card.architecture, card.pretrained)
    owner, name, file = f"{found['hf_hub']}/".split("/")[:3]
    place = fetched(f"{owner}/{name}", where)
    file = file if file and (place / file).is_file() else None
    # The same architecture was trained with either activation; shapes do not show which.
    config = {**config, "quick_gelu": found.get("quick_gelu", config.get("quick_gelu", False))}
    return _Source(place, f"{card.architecture} {card.pretrained}", file, config, found)


def _read_config(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The architecture, and how images are prepared, as open_clip writes them for a hub, or the architecture alone."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        config = content.get("model_cfg", content)
        config = {**config, "vision_cfg": dict(config["vision_cfg"]), "text_cfg": dict(config["text_cfg"])}
        return config, dict(content.get("preprocess_cfg", {}))
    except FileNotFoundError:
        raise InputError(f"{path.parent}: {path.name} is missing; this is no open_clip model") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not an open_clip configuration: {type(error).__name__}: {error}") from None


def _settings(source: _Source, card: ModelCard, where: Path) -> ImageSettings:
    """As open_clip itself completes them: what is not said is CLIP's."""
    size = source.config["vision_cfg"].get("image_size", 224)
    if card.image_size not in (None, size):
        raise bad_value(
            "image_size", card.image_size, f"{size}, as architecture {source.architecture!r} has", where=str(where)
        )
    own = {**asdict(PreprocessCfg()), **source.preparation}
    if own["resize_mode"] not in ("shortest", "squash"):
        raise bad_value("resize_mode", own["resize_mode"], ("shortest", "squash"), where=f"{source.folder}")
    return card.settings(
        where,
        image_size=size,
        mean=tuple(own["mean"]),
        std=tuple(own["std"]),
        interpolation="bilinear" if own["interpolation"] == "bilinear" else "bicubic",
        fit="squash" if own["resize_mode"] == "squash" else "crop",
    )


def build_network(config: dict[str, Any], architecture: str, where: Path) -> CLIP | CustomTextCLIP:
    """A network with random weights."""
    config = {**config, "vision_cfg": {**config["vision_cfg"], "timm_model_pretrained": False}}
    custom_text = config.pop("custom_text", False)
    try:
        return (CustomTextCLIP if custom_text else CLIP)(**config)
    except (TypeError, ValueError, RuntimeError, AssertionError, ZeroDivisionError) as error:
        raise InputError(f"{where}: architecture {architecture!r} cannot be built: {error}") from None


def _check_towers(config: dict[str, Any], architecture: str, where: Path) -> None:
    if remote := config["text_cfg"].get("hf_model_name"):
        raise InputError(
            f"{where}: architecture {architecture!r} builds its text tower from {remote!r} of a hub; choose one whose "
            "text tower is open_clip's own"
        )
    if "multimodal_cfg" in config:
        raise InputError(f"{where}: architecture {architecture!r} generates text; choose one with two towers only")


def _renamed(state: StateDict, network: CLIP | CustomTextCLIP) -> StateDict:
    """Weights written by the older of open_clip's two classes, for a network of the newer one."""
    if "positional_embedding" in state and not hasattr(network, "positional_embedding"):
        return convert_to_custom_text_state_dict(state)
    return state
