"""Section `features` of params.yaml."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveInt, field_validator

from pipeline_lib.common.device import DeviceName
from pipeline_lib.common.errors import listed
from pipeline_lib.common.params import Section
from pipeline_lib.stimuli.made_views import MADE_VIEWS

RAW, STORED = "raw", "vse"
View = Literal["raw", "vse", *MADE_VIEWS]


class FeaturesParams(Section):
    """Which model looks at which views of the images.

    Attributes
    ----------
    model : str
        The model's role in the study (``"slip-b16"``); it names the feature file.
    models : Path
        One folder per role: model.yaml and weights, or the user's own features.npy and images.txt.
    views : tuple of {"raw", "vse", "blur-low", "blur-medium", "blur-high", "lowres", "mosaic", "noise"}
        The images as shown, weighted by their saliency (stored), or made while features are extracted.
    layers : tuple of str
        Layers of the model's image tower; :mod:`pipeline_lib.features.layers` says how they are named.
    batch_size : int
        Images or texts per forward pass.
    dtype : {"float32", "float16"}
        Of the stored features; computed in float32.
    device : {"auto", "cpu", "cuda"}
    threads : int or None
        Of the CPU; None means all cores.
    """

    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    models: Path
    views: Annotated[tuple[View, ...], Field(min_length=1)]
    layers: Annotated[tuple[str, ...], Field(min_length=1)]
    batch_size: int = Field(gt=0)
    dtype: Literal["float32", "float16"]
    device: DeviceName
    threads: PositiveInt | None

    @field_validator("views", "layers")
    @classmethod
    def _none_twice(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"named more than once: {listed(doubled)}")
        return names

    @property
    def weights(self) -> Path:
        """The folder of the role."""
        return self.models / self.model
