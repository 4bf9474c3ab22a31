"""What training, run folders and retrieval ask of a model, whatever kind it is."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from pipeline_lib.encoders.base import Encoder
from pipeline_lib.objectives.normalize import Embeddings
from pipeline_lib.training.data import TrainingData
from pipeline_lib.training.targets import FeatureTable


@dataclass(frozen=True)
class Shapes:
    """Sizes that the data give.

    Attributes
    ----------
    n_channels, n_times : int
        Of an epoch.
    image_dim : int
        Width of the image features.
    text_dim : int or None
        Width of the caption features; None without captions.
    n_subjects : int
        Training subjects.
    n_layers : int or None
        Layers of the image features that are mixed; None where the features are of one layer.
    """

    n_channels: int
    n_times: int
    image_dim: int
    text_dim: int | None
    n_subjects: int = 1
    n_layers: int | None = None


class Model(nn.Module, ABC):
    """Brain, image and text in one space.

    Once made, a model gets ``scale_features``, then ``fit``, then epoch by epoch ``begin_epoch``; what a batch costs is
    computed by the function of its kind in :mod:`pipeline_lib.training.losses`.

    Attributes
    ----------
    kind : str
        Its name in :data:`pipeline_lib.training.models.MODELS`.
    encoder : Encoder
        Its ``prepare`` takes epochs to what :meth:`embed_brain` takes.
    """

    kind: ClassVar[str]
    encoder: Encoder

    @classmethod
    @abstractmethod
    def build(cls, params: Mapping[str, Any], shapes: Shapes, feature_scale: str) -> Self:
        """Make the model that the sections of params.yaml describe, as plain values, with fresh weights."""

    @property
    @abstractmethod
    def has_text(self) -> bool:
        """Whether it was trained with captions."""

    @abstractmethod
    def embed_brain(self, prepared: Tensor, subject: Tensor | None = None) -> Tensor:
        """Embed responses, shape (n_epochs, dim); `subject` holds training rows, None stands for an unknown person."""

    @abstractmethod
    def embed_image(self, features: Tensor, subject: Tensor | None = None) -> Tensor:
        """Embed image features, shape (n_images, dim)."""

    @abstractmethod
    def embed_text(self, features: Tensor) -> Tensor:
        """Embed caption features, shape (n_images, dim)."""

    @abstractmethod
    def branches(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by modality, and ``shared`` for those of none: what balancers and weight decay act on."""

    @abstractmethod
    def heads(self) -> list[nn.Parameter]:
        """Parameters of what lies between features and shared space alone."""

    @abstractmethod
    def parts(self) -> list[nn.Module]:
        """What ``train.compile`` compiles, each by itself."""

    @abstractmethod
    def scale_features(self, features: FeatureTable) -> None:
        """Take the scale of the features from those of the training partition."""

    def fit(self, train: TrainingData) -> None:
        """Take from the training samples, without those of the validation, what is not trained. Defaults to nothing."""

    def begin_epoch(self, epoch: int) -> None:
        """Take note of the epoch, counted from 1. Defaults to nothing."""

    @abstractmethod
    def logged(self, embeddings: Embeddings) -> dict[str, Tensor]:
        """What a step logs about the model besides losses, shape () each."""


def trainable(modules: Iterable[nn.Module]) -> list[nn.Parameter]:
    """The parameters of some modules that training may change."""
    return [parameter for module in modules for parameter in module.parameters() if parameter.requires_grad]
