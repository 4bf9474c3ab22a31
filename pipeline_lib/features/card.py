"""model.yaml: what a folder of weights says about itself that the weights cannot."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import Section, read_params, validated

CARD = "model.yaml"

Count = Annotated[int, Field(gt=0)]
Deviation = Annotated[float, Field(gt=0)]


class ImageSettings(Section):
    """How a model wants its images: short side resized, centre cut out, channels standardised.

    Attributes
    ----------
    image_size : int
        Pixels.
    mean, std : tuple of 3 float
        Of the channels, for values in [0, 1]. ImageNet's for SLIP, CLIP's own for most of open_clip.
    interpolation : {"bilinear", "bicubic"}
    """

    image_size: Count
    mean: tuple[float, float, float]
    std: tuple[Deviation, Deviation, Deviation]
    interpolation: Literal["bilinear", "bicubic"]

    def __str__(self) -> str:
        return (
            f"short side {self.image_size} px {self.interpolation}, center crop, "
            f"mean {list(self.mean)}, std {list(self.std)}"
        )


class ModelCard(ImageSettings):
    """The content of model.yaml.

    Attributes
    ----------
    kind : {"slip", "open_clip"}
        The format of the weights.
    weights : str
        File name in the same folder.
    architecture : str, optional
        open_clip only: a name open_clip knows, or a configuration file (``config.json``) in the same folder.
    vision_heads, text_heads : int, optional
        slip only: attention heads, which no shape shows. Defaults to the published towers' heads.
    context_length : int, optional
        slip only: tokens of a text. Defaults to what the checkpoint shows, and must agree with it.
    """

    kind: Literal["slip", "open_clip"]
    weights: str
    architecture: str | None = None
    vision_heads: Count | None = None
    text_heads: Count | None = None
    context_length: Count | None = None


def read_card(folder: Path) -> ModelCard:
    """Read and check the model.yaml of `folder`.

    Raises
    ------
    InputError
        If it is missing, or a key is missing, unknown or out of range.
    """
    path = Path(folder) / CARD
    if not path.is_file():
        raise InputError(
            f"features: {folder} holds neither {CARD} nor features.npy; put the model's folder there, or set "
            "features.models and features.model to its parent and name"
        )
    return validated({"model": read_params(path)}, "model", ModelCard, where=str(path))
