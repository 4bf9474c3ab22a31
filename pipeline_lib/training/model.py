"""The trimodal model: a brain encoder and three projection heads into one space."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline_lib.encoders.build import build_encoder
from pipeline_lib.encoders.head import ProjectionHead
from pipeline_lib.encoders.params import EncoderParams
from pipeline_lib.objectives.logit_scale import LogitScale
from pipeline_lib.objectives.params import LossParams


@dataclass(frozen=True)
class Shapes:
    """Sizes that the data give: channels and samples of an epoch, widths of the features (text_dim None: no text)."""

    n_channels: int
    n_times: int
    image_dim: int
    text_dim: int | None


class FeatureScaling(nn.Module):
    """Features on a common scale before a projection head: as they are, of unit length, or z-scored.

    The deviation and mean of ``zscore`` are those of the training images, set once by :meth:`fit` and saved with the
    model.
    """

    def __init__(self, kind: str, dim: int) -> None:
        super().__init__()
        self.kind = kind
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("deviation", torch.ones(dim))

    def fit(self, features: Tensor) -> None:
        """Take mean and deviation from the features of the training images, shape (n_images, dim)."""
        if self.kind == "zscore":
            self.mean.copy_(features.mean(0))
            self.deviation.copy_(features.std(0, correction=0).clamp_min(1e-6))

    def forward(self, features: Tensor) -> Tensor:
        if self.kind == "zscore":
            return (features - self.mean) / self.deviation
        return nn.functional.normalize(features, dim=1) if self.kind == "unit" else features


class Branch(nn.Module):
    """Features of one modality into the shared space: scaling, then a projection head."""

    def __init__(self, in_dim: int, params: EncoderParams, scale: str) -> None:
        super().__init__()
        self.scaling = FeatureScaling(scale, in_dim)
        self.head = ProjectionHead(in_dim, params.dim, params.head_dropout)

    def forward(self, features: Tensor) -> Tensor:
        return self.head(self.scaling(features))


class AlignmentModel(nn.Module):
    """Brain, image and text embeddings in one space.

    Parameters
    ----------
    encoder, loss : EncoderParams, LossParams
    shapes : Shapes
    feature_scale : {"none", "unit", "zscore"}
        See :class:`FeatureScaling`.
    """

    def __init__(self, encoder: EncoderParams, loss: LossParams, shapes: Shapes, feature_scale: str) -> None:
        super().__init__()
        self.encoder = build_encoder(encoder, shapes.n_channels, shapes.n_times)
        self.brain_head = ProjectionHead(self.encoder.dim, encoder.dim, encoder.head_dropout)
        self.image_branch = Branch(shapes.image_dim, encoder, feature_scale)
        self.text_branch = None if shapes.text_dim is None else Branch(shapes.text_dim, encoder, feature_scale)
        self.logit_scale = LogitScale(loss.logit_scale, loss.temperature)

    def embed_brain(self, prepared: Tensor) -> Tensor:
        """Embed what ``encoder.prepare`` made of epochs; shape (n_epochs, dim), not normalised."""
        return self.brain_head(self.encoder(prepared))

    def embed_image(self, features: Tensor) -> Tensor:
        """Embed image features of shape (n_images, image_dim); shape (n_images, dim), not normalised."""
        return self.image_branch(features)

    def embed_text(self, features: Tensor) -> Tensor:
        """Embed caption features of shape (n_images, text_dim); shape (n_images, dim), not normalised."""
        if self.text_branch is None:
            raise ValueError("this model was trained without captions and has no text branch")
        return self.text_branch(features)

    def branches(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by modality, and ``shared`` for those of none: what balancers and weight decay act on."""
        modules = {
            "brain": [self.encoder, self.brain_head],
            "image": [self.image_branch],
            "text": [self.text_branch] if self.text_branch is not None else [],
            "shared": [self.logit_scale],
        }
        by_branch = {name: trainable(found) for name, found in modules.items()}
        return {name: parameters for name, parameters in by_branch.items() if parameters}

    def heads(self) -> list[nn.Parameter]:
        """Parameters of the projection heads alone."""
        return trainable([m for m in (self.brain_head, self.image_branch, self.text_branch) if m is not None])


def trainable(modules: Iterable[nn.Module]) -> list[nn.Parameter]:
    """The parameters of some modules that training may change."""
    return [parameter for module in modules for parameter in module.parameters() if parameter.requires_grad]
