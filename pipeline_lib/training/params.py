"""Sections `target` and `train` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, field_validator

from pipeline_lib.common.errors import listed
from pipeline_lib.common.params import Section

Probability = Annotated[float, Field(ge=0, lt=1)]


class TargetParams(Section):
    """Which features of the bank the brain is aligned to.

    Attributes
    ----------
    view : str
    layer : str or list of str
        Several layers are mixed, :mod:`pipeline_lib.encoders.layer_mixture`.
    scale : {"none", "unit", "zscore"}
        Of the features before their heads.
    """

    view: str
    layer: str | Annotated[list[str], Field(min_length=1)]
    scale: Literal["none", "unit", "zscore"]

    @field_validator("layer")
    @classmethod
    def _none_twice(cls, layer: str | list[str]) -> str | list[str]:
        if not isinstance(layer, str) and (doubled := sorted({name for name in layer if layer.count(name) > 1})):
            raise ValueError(f"named more than once: {listed(doubled)}")
        return layer


class WeightDecay(Section):
    """Decoupled weight decay of each branch."""

    brain: float = Field(ge=0)
    image: float = Field(ge=0)
    text: float = Field(ge=0)


class ValidationParams(Section):
    """What is held out of the training partition, and by which loss the best epoch is chosen."""

    split: Literal["samples", "images", "concepts"]
    size: int = Field(ge=2)
    loss: Literal["brain-image", "total"]


class TrainParams(Section):
    """How a model is fitted.

    Attributes
    ----------
    epochs, inter_epochs : int
        For one subject; for all but one.
    batch_size : int
        The most samples of a step, over all processes together.
    repeats : {"mean", "single"}
        Whether a sample is the mean over an image's trials, or a trial.
    optimizer, learning_rate, betas, weight_decay
        See :func:`pipeline_lib.training.loop.build_optimizer`.
    validation : ValidationParams
    patience : int or None
        Epochs without a lower validation loss after which training stops; None trains all epochs.
    checkpoint_every : int or None
        Epochs between checkpoints, :mod:`pipeline_lib.training.checkpoints`; None keeps none.
    precision : {"float32", "bfloat16", "float16"}
        In which the forward pass computes what it can, :mod:`pipeline_lib.training.precision`.
    data_dtype : {"float32", "bfloat16"}
        In which responses and features lie on the device.
    compile : bool
        Whether torch compiles encoder and heads, :mod:`pipeline_lib.training.compiling`.
    device : {"auto", "cpu", "cuda"}
    threads : int or None
        Of the CPU, :func:`pipeline_lib.common.device.use_threads`.
    """

    epochs: PositiveInt
    inter_epochs: PositiveInt
    batch_size: int = Field(ge=2)
    repeats: Literal["mean", "single"]
    optimizer: Literal["adamw", "adam"]
    learning_rate: float = Field(gt=0)
    betas: tuple[Probability, Probability]
    weight_decay: WeightDecay
    validation: ValidationParams
    patience: PositiveInt | None
    checkpoint_every: PositiveInt | None
    precision: Literal["float32", "bfloat16", "float16"]
    data_dtype: Literal["float32", "bfloat16"]
    compile: bool
    device: Literal["auto", "cpu", "cuda"]
    threads: PositiveInt | None
