"""Sections `target` and `train` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from pipeline_lib.common.params import Section

Probability = Annotated[float, Field(ge=0, lt=1)]


class TargetParams(Section):
    """Which features of the bank the brain is aligned to."""

    view: str
    layer: str
    scale: Literal["none", "unit", "zscore"]


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
    """How a model is fitted."""

    epochs: int = Field(ge=1)
    inter_epochs: int = Field(ge=1)
    batch_size: int = Field(ge=2)
    repeats: Literal["mean", "single"]
    optimizer: Literal["adamw", "adam"]
    learning_rate: float = Field(gt=0)
    betas: tuple[Probability, Probability]
    weight_decay: WeightDecay
    validation: ValidationParams
    device: Literal["auto", "cpu", "cuda"]
    threads: PositiveInt | None
