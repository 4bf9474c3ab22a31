"""model.yaml: what a folder of weights says about itself that the weights cannot."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import Section, read_params, validated
from pipeline_lib.fetching.hub import HUB_NAME, SAFETENSORS, TORCH

CARD = "model.yaml"

Count = Annotated[int, Field(gt=0)]
Deviation = Annotated[float, Field(gt=0)]
Interpolation = Literal["bilinear", "bicubic"]
Fit = Literal["crop", "squash"]


class ImageSettings(Section):
    """How a model wants its images: resized, the centre cut out, channels standardised.

    Attributes
    ----------
    image_size : int
        Pixels of the square that the model sees.
    mean, std : tuple of 3 float
        Of the channels, for values in [0, 1]. ImageNet's for SLIP, CLIP's own for most of open_clip.
    interpolation : {"bilinear", "bicubic"}
    resize : int, optional
        Pixels of the short side before the centre is cut out. Defaults to `image_size`.
    fit : {"crop", "squash"}
        ``"squash"`` resizes the whole picture to the square instead, whatever its form.
    """

    image_size: Count
    mean: tuple[float, float, float]
    std: tuple[Deviation, Deviation, Deviation]
    interpolation: Interpolation
    resize: Count | None = None
    fit: Fit = "crop"

    def __str__(self) -> str:
        short = f"short side {self.resize or self.image_size} px {self.interpolation}, "
        cut = f"center crop{f' of {self.image_size} px' if self.resize not in (None, self.image_size) else ''}, "
        form = short + cut if self.fit == "crop" else f"squashed to {self.image_size} px {self.interpolation}, "
        return f"{form}mean {list(self.mean)}, std {list(self.std)}"


class ModelCard(Section):
    """The content of model.yaml. What is left out is as the model's makers have it.

    Attributes
    ----------
    kind : {"slip", "open_clip", "timm", "transformers"}
        The format of the weights; ``"slip"`` is that of SLIP, CLIP and SimCLR checkpoints of the SLIP project.
    weights : str, optional
        File name in the same folder. Without it, `pretrained` or `hub`, the folder's own weights: those that
        transformers wrote, or the only file that can be meant.
    hub : str, optional
        Not for slip: a model of the Hugging Face hub, ``owner/name`` or ``owner/name@revision``, in place of `weights`.
    pretrained : str, optional
        open_clip only: one of its tags for the architecture, in place of `weights`.
    architecture : str, optional
        open_clip: a name open_clip knows, or a configuration file (``config.json``) in the same folder. timm: a name
        timm knows. Not needed with `hub`.
    tokenizer : str, optional
        open_clip only, for architectures with a tokenizer other than CLIP's: its folder in the same folder.
    vision_heads, text_heads : int, optional
        slip only: attention heads, which no shape shows. Defaults to the published towers' heads.
    context_length : int, optional
        slip only: tokens of a text. Defaults to what the checkpoint shows, and must agree with it.
    image_size, mean, std, interpolation, resize, fit
        As :class:`ImageSettings` has them.
    """

    kind: Literal["slip", "open_clip", "timm", "transformers"]
    weights: str | None = None
    hub: Annotated[str, Field(pattern=HUB_NAME)] | None = None
    pretrained: str | None = None
    architecture: str | None = None
    tokenizer: str | None = None
    vision_heads: Count | None = None
    text_heads: Count | None = None
    context_length: Count | None = None
    image_size: Count | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[Deviation, Deviation, Deviation] | None = None
    interpolation: Interpolation | None = None
    resize: Count | None = None
    fit: Fit | None = None

    def settings(self, where: Path, **own: Any) -> ImageSettings:
        """How the images are prepared: as model.yaml says, and where it says nothing, as the model itself does.

        Parameters
        ----------
        where : Path
            model.yaml, for the error.
        **own
            The model's own values.

        Raises
        ------
        InputError
            If a value stands in neither.
        """
        stated = self.model_dump(include=set(ImageSettings.model_fields), exclude_none=True)
        if own.get("resize") and "image_size" in stated:  # the share that is cut off stays the same
            own = {**own, "resize": round(own["resize"] * stated["image_size"] / own["image_size"])}
        return validated({"model": {**own, **stated}}, "model", ImageSettings, where=str(where))


def read_card(folder: Path) -> ModelCard:
    """Read and check the model.yaml of `folder`.

    Raises
    ------
    InputError
        If it is missing, or a key is missing, unknown, out of range or of another kind of model.
    """
    path = Path(folder) / CARD
    if not path.is_file():
        raise InputError(
            f"features: {folder} holds neither {CARD} nor features.npy; put the model's folder there, or set "
            "features.models and features.model to its parent and name"
        )
    card = validated({"model": read_params(path)}, "model", ModelCard, where=str(path))
    _check_kind(card, path)
    return card


OWN_KEYS = {
    "pretrained": ("open_clip",),
    "tokenizer": ("open_clip",),
    "hub": ("open_clip", "timm", "transformers"),
    "architecture": ("open_clip", "timm"),
    "vision_heads": ("slip",),
    "text_heads": ("slip",),
    "context_length": ("slip",),
}


def _check_kind(card: ModelCard, path: Path) -> None:
    for key, kinds in OWN_KEYS.items():
        if getattr(card, key) is not None and card.kind not in kinds:
            raise InputError(f"{path}: {key} is for kind {' or '.join(kinds)}, not for {card.kind}; remove it")
    stated = [key for key in ("weights", "hub", "pretrained") if getattr(card, key) is not None]
    if len(stated) > 1:
        raise InputError(f"{path}: {' and '.join(stated)} name the weights, but only one of them can; remove the other")


def weight_files(folder: Path, card: ModelCard) -> list[Path]:
    """The files with a model's weights; safetensors where there are any.

    Raises
    ------
    InputError
        If they are missing, or it is not clear which file is meant.
    """
    folder = Path(folder)
    if card.weights is not None:
        path = folder / card.weights
        if not path.is_file():
            raise InputError(f"{path}: the weights are missing; put the checkpoint there, or change features.model")
        return [path]
    found = sorted(folder.glob(SAFETENSORS)) or sorted(path for pattern in TORCH for path in folder.glob(pattern))
    if not found:
        raise InputError(f"{folder}: no weights ({SAFETENSORS}, {', '.join(TORCH)}); put the checkpoint there")
    shards = all(re.search(r"-\d{5}-of-\d{5}\.", path.name) for path in found)
    if len(found) > 1 and not shards:
        names = ", ".join(path.name for path in found)
        raise InputError(f"{folder / CARD}: weights is missing, and any of {names} can be meant; name one of them")
    return found
