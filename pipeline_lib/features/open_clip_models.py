"""Any architecture of open_clip with weights from a local file."""

import json
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.model import CLIP, CustomTextCLIP, convert_to_custom_text_state_dict
from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH, SimpleTokenizer

from pipeline_lib.common.errors import InputError, bad_value
from pipeline_lib.features.card import CARD, ModelCard
from pipeline_lib.features.models import ImageTextModel
from pipeline_lib.features.weights import StateDict, load_strictly, read_state_dict

LOSS_SCALARS = ("logit_scale", "logit_bias")  # of the loss, not of a tower; their shapes vary between versions


def load_open_clip(folder: Path, card: ModelCard, device: torch.device) -> ImageTextModel:
    """Load an open_clip model.

    Parameters
    ----------
    folder : Path
        Holds the file ``card.weights``, and the configuration unless `card` names a built-in one.
    card : ModelCard
        Content of the folder's model.yaml.
    device : torch.device

    Raises
    ------
    InputError
        If the architecture is unknown or needs a download, or the weights are missing, unsafe or do not fit.
    """
    config = read_architecture(folder, card)
    _check_local(config, card, Path(folder) / CARD)
    network = build_network(config, card, Path(folder) / CARD)
    path = Path(folder) / card.weights
    load_strictly(network, _renamed(read_state_dict(path), network), str(path), ignored=LOSS_SCALARS)
    text = config["text_cfg"]
    tokenize = SimpleTokenizer(
        context_length=text.get("context_length", DEFAULT_CONTEXT_LENGTH), **(text.get("tokenizer_kwargs") or {})
    )
    if (vocabulary := text.get("vocab_size", tokenize.vocab_size)) != tokenize.vocab_size:
        raise InputError(f"{path}: {vocabulary} token embeddings do not fit CLIP's {tokenize.vocab_size} tokens")
    name = f"open_clip {card.architecture}"
    return ImageTextModel(name, network.to(device).eval(), tokenize, card, config["embed_dim"], device)


def read_architecture(folder: Path, card: ModelCard) -> dict[str, Any]:
    """The configuration that ``card.architecture`` names: a file of `folder`, or one open_clip knows.

    Returns
    -------
    dict
        With ``embed_dim``, ``vision_cfg`` and ``text_cfg``.
    """
    where = str(Path(folder) / CARD)
    if card.architecture is None:
        raise InputError(
            f"{where}: architecture is missing; name one of open_clip's, or a configuration file beside it"
        )
    if not card.architecture.endswith(".json"):
        if card.architecture not in open_clip.list_models():  # other names would be looked up in a hub
            raise bad_value("architecture", card.architecture, open_clip.list_models(), where=where)
        return open_clip.get_model_config(card.architecture)
    path = Path(folder) / card.architecture
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        config = config.get("model_cfg", config)  # as open_clip writes it for a hub
        return {**config, "vision_cfg": dict(config["vision_cfg"]), "text_cfg": dict(config["text_cfg"])}
    except FileNotFoundError:
        raise bad_value("architecture", card.architecture, "a file in the same folder", where=where) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not an open_clip configuration: {type(error).__name__}: {error}") from None


def build_network(config: dict[str, Any], card: ModelCard, where: Path) -> CLIP | CustomTextCLIP:
    """A network with random weights."""
    config = {**config, "vision_cfg": {**config["vision_cfg"], "timm_model_pretrained": False}}
    custom_text = config.pop("custom_text", False)
    try:
        return (CustomTextCLIP if custom_text else CLIP)(**config)
    except (TypeError, ValueError, RuntimeError, AssertionError, ZeroDivisionError) as error:
        raise InputError(f"{where}: architecture {card.architecture!r} cannot be built: {error}") from None


def _check_local(config: dict[str, Any], card: ModelCard, where: Path) -> None:
    text = config["text_cfg"]
    if remote := text.get("hf_model_name") or text.get("hf_tokenizer_name"):
        raise InputError(
            f"{where}: architecture {card.architecture!r} needs the text model or tokenizer {remote!r} from a hub; "
            "choose one that uses CLIP's own"
        )
    if "multimodal_cfg" in config:
        raise InputError(f"{where}: architecture {card.architecture!r} generates text; choose one with two towers only")
    size = config["vision_cfg"].get("image_size", card.image_size)
    if size != card.image_size:
        raise bad_value(
            "image_size", card.image_size, f"{size}, as architecture {card.architecture!r} has", where=str(where)
        )


def _renamed(state: StateDict, network: CLIP | CustomTextCLIP) -> StateDict:
    """Weights written by the older of open_clip's two classes, for a network of the newer one."""
    if "positional_embedding" in state and not hasattr(network, "positional_embedding"):
        return convert_to_custom_text_state_dict(state)
    return state
