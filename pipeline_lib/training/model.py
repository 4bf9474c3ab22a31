"""The trimodal model: a brain encoder, and a head for each modality into one space."""

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from pipeline_lib.encoders.adapter import Adapter
from pipeline_lib.encoders.build import build_encoder
from pipeline_lib.encoders.heads import build_head, shared_width
from pipeline_lib.encoders.layer_mixture import LayerMixture
from pipeline_lib.encoders.params import EncoderParams
from pipeline_lib.objectives.logit_scale import LogitScale
from pipeline_lib.objectives.normalize import Embeddings
from pipeline_lib.objectives.params import LossParams
from pipeline_lib.training.base import Model, Shapes, trainable
from pipeline_lib.training.targets import FeatureTable


class FeatureScaling(nn.Module):
    """Features on a common scale before a head: as they are, of unit length, or z-scored.

    The deviation and mean of ``zscore`` are those of the training images, set once by :meth:`fit` and saved with the
    model. Where there are several layers, each is scaled by itself.

    Parameters
    ----------
    kind : {"none", "unit", "zscore"}
    *shape : int
        Of one item's features: (dim,), or (n_layers, dim).
    """

    def __init__(self, kind: str, *shape: int) -> None:
        super().__init__()
        self.kind = kind
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("deviation", torch.ones(shape))

    def fit(self, features: Tensor) -> None:
        """Take mean and deviation from the features of the training images, shape (n_images, *shape)."""
        if self.kind == "zscore":
            self.mean.copy_(features.mean(0))
            self.deviation.copy_(features.std(0, correction=0).clamp_min(1e-6))

    def forward(self, features: Tensor) -> Tensor:
        """Scale features of shape (n_items, *shape), in the model's floating-point type."""
        features = features.to(self.mean.dtype)
        if self.kind == "zscore":
            return (features - self.mean) / self.deviation
        return nn.functional.normalize(features, dim=-1) if self.kind == "unit" else features


class Branch(nn.Module):
    """Features of one modality into the shared space: scaling, a mixture where there are several layers, a head."""

    def __init__(self, scaling: FeatureScaling, head: nn.Module, mixture: LayerMixture | None = None) -> None:
        super().__init__()
        self.scaling, self.head, self.mixture = scaling, head, mixture

    def forward(self, features: Tensor, subject: Tensor | None = None) -> Tensor:
        """Embed features of shape (n_items, dim), or (n_items, n_layers, dim) where they are mixed."""
        scaled = self.scaling(features)
        mixed = scaled if self.mixture is None else self.mixture(scaled, subject)
        return self.head(mixed).to(self.scaling.mean.dtype)


class AlignmentModel(Model):
    """Brain, image and text embeddings in one space.

    Parameters
    ----------
    encoder, loss : EncoderParams, LossParams
    shapes : Shapes
    feature_scale : {"none", "unit", "zscore"}
        See :class:`FeatureScaling`.

    Attributes
    ----------
    dim : int
        Width of the space.

    Raises
    ------
    InputError
        If the encoder cannot take epochs of this size, or the heads' widths do not fit together.
    """

    kind = "alignment"

    def __init__(self, encoder: EncoderParams, loss: LossParams, shapes: Shapes, feature_scale: str) -> None:
        super().__init__()
        self.encoder = build_encoder(encoder, shapes.n_channels, shapes.n_times, shapes.n_subjects)
        widths = {"brain": self.encoder.dim, "image": shapes.image_dim, "text": shapes.text_dim}
        widths = {name: width for name, width in widths.items() if width is not None}
        self.dim = shared_width(encoder, widths)
        heads = {name: build_head(encoder, name, width, self.dim) for name, width in widths.items()}
        self.brain_head = heads["brain"]
        self.image_branch = _image_branch(shapes, heads["image"], feature_scale)
        self.text_branch = None
        if shapes.text_dim is not None:
            self.text_branch = Branch(FeatureScaling(feature_scale, shapes.text_dim), heads["text"])
        self.logit_scale = LogitScale(loss.logit_scale, loss.temperature)

    @classmethod
    def build(cls, params: Mapping[str, Any], shapes: Shapes, feature_scale: str) -> Self:
        """Make it of the sections ``encoder`` and ``loss``."""
        encoder = EncoderParams.model_validate(params["encoder"])
        return cls(encoder, LossParams.model_validate(params["loss"]), shapes, feature_scale)

    @property
    def has_text(self) -> bool:
        """Whether it was trained with captions."""
        return self.text_branch is not None

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type of the weights, and of all embeddings."""
        return self.image_branch.scaling.mean.dtype

    def embed_brain(self, prepared: Tensor, subject: Tensor | None = None) -> Tensor:
        """Embed what ``encoder.prepare`` made of epochs.

        Parameters
        ----------
        prepared : Tensor, shape (n_epochs, ...)
        subject : Tensor of int, shape (n_epochs,), optional
            The row of each epoch's training subject. Defaults to a person who was not trained on.

        Returns
        -------
        Tensor, shape (n_epochs, dim)
            Not normalised.
        """
        # Responses may be kept in bfloat16, and autocast leaves its products so; the weights, and the losses, are not.
        encoded = self.encoder(prepared, subject).to(self.dtype)
        return self.brain_head(encoded).to(self.dtype)

    def embed_image(self, features: Tensor, subject: Tensor | None = None) -> Tensor:
        """Embed image features, as a training subject may see them.

        Parameters
        ----------
        features : Tensor, shape (n_images, image_dim), or (n_images, n_layers, image_dim)
        subject : Tensor of int, shape (n_images,) or (), optional
            As for :meth:`embed_brain`. It matters where layers are mixed only.

        Returns
        -------
        Tensor, shape (n_images, dim)
            Not normalised.
        """
        return self.image_branch(features, subject)

    def embed_text(self, features: Tensor) -> Tensor:
        """Embed caption features of shape (n_images, text_dim); shape (n_images, dim), not normalised."""
        if self.text_branch is None:
            raise ValueError("this model was trained without captions and has no text branch")
        return self.text_branch(features)

    def adapted_text(self, features: Tensor | None) -> tuple[Tensor, Tensor] | None:
        """Caption features before and behind their adapter; None where there are none, or no adapter."""
        if features is None or self.text_branch is None or not isinstance(self.text_branch.head, Adapter):
            return None
        scaled = self.text_branch.scaling(features)
        return scaled, self.text_branch.head.adapted(scaled)

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
        """Parameters of what lies between features and shared space alone: heads, adapters and mixtures."""
        return trainable([m for m in (self.brain_head, self.image_branch, self.text_branch) if m is not None])

    def parts(self) -> list[nn.Module]:
        """Encoder, head and branches."""
        return [
            part for part in (self.encoder, self.brain_head, self.image_branch, self.text_branch) if part is not None
        ]

    def scale_features(self, features: FeatureTable) -> None:
        """Take mean and deviation of image and caption features from those of the training images."""
        self.image_branch.scaling.fit(features.central)
        if self.text_branch is not None:
            self.text_branch.scaling.fit(features.text)

    def logged(self, embeddings: Embeddings) -> dict[str, Tensor]:
        """The inverse temperature."""
        return {"logit_scale": embeddings.logit_scale.detach()}


def _image_branch(shapes: Shapes, head: nn.Module, feature_scale: str) -> Branch:
    if shapes.n_layers is None:
        return Branch(FeatureScaling(feature_scale, shapes.image_dim), head)
    scaling = FeatureScaling(feature_scale, shapes.n_layers, shapes.image_dim)
    return Branch(scaling, head, LayerMixture(shapes.n_layers, shapes.n_subjects))
