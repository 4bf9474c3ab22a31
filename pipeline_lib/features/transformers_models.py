"""Image towers in transformers' format: DINOv2 and any other that its Auto classes know, from a folder or a hub.

The final features are the class token behind the final norm; without class token the mean over tokens; of a residual
network what it pools itself. Poolers with weights of their own are left out: most published files have none. No code
from the folder is run, and pickled weights are not opened.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel

from pipeline_lib.common.digests import digest_of_files
from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.common.transformers_errors import one_line_errors
from pipeline_lib.features.card import CARD, ImageSettings, ModelCard, weight_files
from pipeline_lib.features.layers import Blocks, token_kinds
from pipeline_lib.features.models import ImageTextModel, ImageTower
from pipeline_lib.fetching.hub import SAFETENSORS, fetched

CONFIG = "config.json"
PROCESSORS = ("preprocessor_config.json", "processor_config.json")  # transformers 5 writes the second
OFFLINE = {"local_files_only": True, "trust_remote_code": False}
POOLER = "pooler."
PIL_METHODS = {2: "bilinear", 3: "bicubic"}


def load_transformers(folder: Path, card: ModelCard, device: torch.device) -> ImageTextModel:
    """Load an image tower of transformers.

    Parameters
    ----------
    folder : Path
        As ``save_pretrained`` leaves it, unless `card` names a hub's model.
    card : ModelCard
        Content of the folder's model.yaml.
    device : torch.device

    Raises
    ------
    InputError
        If the model has no image tower alone, needs code of its own, or its weights are missing, pickled or do not
        fit.
    """
    where = Path(folder) / CARD
    place = fetched(card.hub, str(where)) if card.hub else Path(folder)
    files = _safetensors(place, card)
    tower = _loaded(place)
    settings = _settings(place, card, where)
    network = ImageTower(tower, _final).to(device).eval()
    name = f"transformers {tower.config.model_type} {tower.config.hidden_size} x {_depth(tower)}"
    return ImageTextModel(
        name, network, None, settings, tower.config.hidden_size, device, digest_of_files(files), _blocks
    )


def _safetensors(place: Path, card: ModelCard) -> list[Path]:
    if not (place / CONFIG).is_file():
        raise InputError(f"{place}: {CONFIG} is missing; put the folder there as transformers' save_pretrained left it")
    files = weight_files(place, card)
    if any(path.suffix != ".safetensors" for path in files):
        raise InputError(
            f"{files[0]}: a pickle, which may run any code and is not opened; take the model's {SAFETENSORS} files, or "
            "convert it where you trust it ('save_pretrained')"
        )
    return files


def _loaded(place: Path) -> nn.Module:
    with one_line_errors(place, memory_cure="take a smaller model"):
        config = AutoConfig.from_pretrained(place, **OFFLINE)
        if hasattr(config, "text_config") or not hasattr(config, "num_channels"):
            raise InputError(
                f"{place / CONFIG}: a {config.model_type} is no model of images alone; take kind open_clip for "
                "image-text models, or the image tower's own folder"
            )
        tower, report = AutoModel.from_pretrained(
            place,
            use_safetensors=True,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,  # they are refused below, by name
            output_loading_info=True,
            **OFFLINE,
        )
    _check(place, report)
    return tower


def _check(place: Path, report: dict[str, Any]) -> None:
    """Refuse weights that are missing or of another shape: transformers would take random ones."""
    for name, found, wanted in sorted(report["mismatched_keys"]):
        raise InputError(
            f"{place}: weight {name} has shape {tuple(found)}, but {CONFIG} asks for {tuple(wanted)}; copy both from "
            "the same place"
        )
    if missing := sorted(name for name in report["missing_keys"] if not name.startswith(POOLER)):
        raise InputError(
            f"{place}: {len(missing)} weights are missing: {listed(missing, most=2)}; copy both {CONFIG} and weights "
            "from the same place"
        )


def _final(tower: nn.Module, pixels: Tensor) -> Tensor:
    output = tower(pixel_values=pixels)
    tokens = output.last_hidden_state
    if tokens.ndim != 3:
        return output.pooler_output.flatten(1)
    return tokens[:, 0] if _has_class(tower) else tokens.mean(dim=1)


def _has_class(tower: nn.Module) -> bool:
    return getattr(getattr(tower, "embeddings", None), "cls_token", None) is not None


def _depth(tower: nn.Module) -> int:
    return getattr(tower.config, "num_hidden_layers", 0)


def _blocks(network: ImageTower) -> Blocks:
    """The one list of as many modules as the configuration has layers, where the tower has tokens."""
    tower = network.visual
    lists = (module for module in tower.modules() if isinstance(module, nn.ModuleList))
    blocks = next((found for found in lists if len(found) == _depth(tower)), None)
    if blocks is None or not _has_class(tower):
        return Blocks()
    prefix = 1 + getattr(tower.config, "num_register_tokens", 0)
    kinds = token_kinds(prefix, has_class=True)
    return Blocks(blocks, {kind: lambda output, pick=pick: pick(_tokens(output)) for kind, pick in kinds.items()})


def _tokens(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    return output[0] if isinstance(output, tuple) else output


def _settings(place: Path, card: ModelCard, where: Path) -> ImageSettings:
    """As the folder's image processor has them."""
    found = next((place / name for name in PROCESSORS if (place / name).is_file()), None)
    if found is None:
        return card.settings(where)
    try:
        own = json.loads(found.read_text(encoding="utf-8"))
        return card.settings(where, **_prepared(own.get("image_processor", own)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{found}: not an image processor: {type(error).__name__}: {error}") from None


def _prepared(own: dict[str, Any]) -> dict[str, Any]:
    size, crop = own["size"], own.get("crop_size")
    size = {"shortest_edge": size} if isinstance(size, int) else size
    crop = {"height": crop} if isinstance(crop, int) else crop
    short = size.get("shortest_edge")
    cropped = crop["height"] if own.get("do_center_crop") and crop else short
    return {
        "image_size": cropped or size["height"],
        "resize": short,
        "fit": "crop" if short else "squash",
        "mean": tuple(own["image_mean"]),
        "std": tuple(own["image_std"]),
        "interpolation": PIL_METHODS.get(own.get("resample"), "bicubic"),
    }
