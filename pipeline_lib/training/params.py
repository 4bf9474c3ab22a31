"""Sections `target` and `train` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, ValidationInfo, field_validator

from pipeline_lib.common.errors import listed
from pipeline_lib.common.params import Section

Probability = Annotated[float, Field(ge=0, lt=1)]
Names = str | Annotated[list[str], Field(min_length=1)]


class UncertaintyParams(Section):
    """How a view is chosen by the sureness of a match, :mod:`pipeline_lib.training.view_choice`.

    Attributes
    ----------
    momentum : float
        The newest similarity's share of the running mean, above 0 and at most 1.
    deviations : float
        Standard deviations from the mean to the next view.
    """

    momentum: float = Field(gt=0, le=1)
    deviations: PositiveFloat


class TargetParams(Section):
    """Which features of the bank the brain is aligned to.

    Attributes
    ----------
    view : str or list of str
    views : {"mean", "uncertainty"}
        What several views are to one target: the mean of their features, before `scale`; or one of them, chosen for
        each training sample, :mod:`pipeline_lib.training.view_choice`, with the views listed from least to most
        blurred. Statistics of `scale`, and validation, take the middle one then.
    gallery_view : str or None
        The view of the images that are searched; see :attr:`searched_view` for None.
    layer : str or list of str
        Several layers are mixed, :mod:`pipeline_lib.encoders.layer_mixture`.
    scale : {"none", "unit", "zscore"}
        Of the features before their heads.
    uncertainty : UncertaintyParams
    """

    view: Names
    views: Literal["mean", "uncertainty"]
    gallery_view: str | None
    layer: Names
    scale: Literal["none", "unit", "zscore"]
    uncertainty: UncertaintyParams

    @field_validator("view", "layer")
    @classmethod
    def _none_twice(cls, names: str | list[str]) -> str | list[str]:
        if not isinstance(names, str) and (doubled := sorted({name for name in names if names.count(name) > 1})):
            raise ValueError(f"named more than once: {listed(doubled)}")
        return names

    @field_validator("views")
    @classmethod
    def _something_to_choose_from(cls, views: str, info: ValidationInfo) -> str:
        view = info.data.get("view")
        if views == "uncertainty" and view is not None and (isinstance(view, str) or len(view) < 2):
            raise ValueError(f"needs two views at least in target.view, from least to most blurred; it is {view!r}")
        return views

    @property
    def chosen_views(self) -> tuple[str, ...]:
        """The views of which one is chosen for each training sample; none where the target is fixed."""
        return tuple(self.view) if self.views == "uncertainty" else ()

    @property
    def searched_view(self) -> str | list[str]:
        """What galleries show: `gallery_view`, else what training does, and of chosen views the middle one."""
        if self.gallery_view is not None:
            return self.gallery_view
        return self.view[middle(len(self.view))] if self.chosen_views else self.view


def middle(n_views: int) -> int:
    """Which of the views of a list is the middle one; of two in the middle the more blurred."""
    return n_views // 2


class WeightDecay(Section):
    """Decoupled weight decay of each branch."""

    brain: float = Field(ge=0)
    image: float = Field(ge=0)
    text: float = Field(ge=0)


class ValidationParams(Section):
    """What is held out of the training partition, and by which loss the best epoch is chosen.

    Where ``brain-image`` is no objective, that is ``total``.
    """

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
    pairs : {"shown", "shuffled"}
        Whether a response belongs to the image that was shown, or, as a negative control, to any,
        :mod:`pipeline_lib.training.shuffled_pairs`.
    optimizer, learning_rate, betas, weight_decay
        See :func:`pipeline_lib.training.optimizer.build_optimizer`.
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
    pairs: Literal["shown", "shuffled"]
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
