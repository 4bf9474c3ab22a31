"""BraVL: three variational autoencoders, of brain, image and text, that share one latent (Du, Fu, Li, He, TPAMI 2023).

The published system trains on images and text of the test set too, without their brain responses. Here no test image
and no test text is seen before the test (non-transductive), as the other systems have it.

Readings where the paper leaves a choice, or the released code differs: every modality is centred and divided by one
number taken from the training samples (released: constants 2, 50 and 2), so the fixed deviation 0.75 of the likelihoods
keeps its meaning on any data. Axes of the image features come from the images of the training samples alone. Networks
that guess the latent (Q) train together with the rest, not in a step of their own, and have `hidden` units, not 512.
"""

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from pipeline_lib.encoders.flat import FlatEncoder
from pipeline_lib.encoders.gaussians import Gaussian
from pipeline_lib.encoders.input_scaling import InputScaling
from pipeline_lib.encoders.vae import LatentGuess, Vae
from pipeline_lib.objectives.normalize import Embeddings
from pipeline_lib.training.base import Model, Shapes, trainable
from pipeline_lib.training.bravl_params import BravlParams
from pipeline_lib.training.data import TrainingData
from pipeline_lib.training.model import FeatureScaling
from pipeline_lib.training.targets import FeatureTable


class BravlModel(Model):
    """Autoencoders of brain, image and, where there are captions, text.

    An embedding is a posterior given one modality: mean and log variance side by side, so it is twice as wide as the
    latent.

    Parameters
    ----------
    params : BravlParams
    shapes : Shapes
    feature_scale : {"none", "unit", "zscore"}
        Of image and caption features before anything else, :class:`~pipeline_lib.training.model.FeatureScaling`.

    Attributes
    ----------
    beta : float
        Weight of the divergence in the epoch that was begun last.
    """

    kind = "bravl"

    def __init__(self, params: BravlParams, shapes: Shapes, feature_scale: str) -> None:
        super().__init__()
        self.params, self.beta = params, 0.0
        self.encoder = FlatEncoder(shapes.n_channels, shapes.n_times)
        widths = {"image": shapes.image_dim, "text": shapes.text_dim}
        widths = {name: width for name, width in widths.items() if width is not None}
        self.feature_scales = nn.ModuleDict({name: FeatureScaling(feature_scale, w) for name, w in widths.items()})
        self.scales = nn.ModuleDict({"brain": InputScaling(self.encoder.dim)})
        for name, width in widths.items():
            self.scales[name] = InputScaling(width, params.image_components if name == "image" else None)
        sizes, hidden = {name: scale.width for name, scale in self.scales.items()}, params.hidden
        vaes = {name: Vae(size, params.latent_dim, hidden, params.layers) for name, size in sizes.items()}
        self.vaes = nn.ModuleDict(vaes)
        self.guesses = nn.ModuleDict({name: LatentGuess(w, params.latent_dim, hidden) for name, w in sizes.items()})

    @classmethod
    def build(cls, params: Mapping[str, Any], shapes: Shapes, feature_scale: str) -> Self:
        """Make it of the section ``bravl``."""
        return cls(BravlParams.model_validate(params["bravl"]), shapes, feature_scale)

    @property
    def has_text(self) -> bool:
        """Whether it was trained with captions."""
        return "text" in self.vaes

    def inputs(self, brain: Tensor, image: Tensor, text: Tensor | None) -> dict[str, Tensor]:
        """What the autoencoders encode and reconstruct, by modality.

        Parameters
        ----------
        brain : Tensor, shape (n_items, ...)
            Prepared by the encoder.
        image : Tensor, shape (n_items, image_dim)
        text : Tensor, shape (n_items, text_dim), or None

        Returns
        -------
        dict of str to Tensor, shape (n_items, width)
        """
        found = {"brain": self.encoder(brain), "image": self._scaled("image", image)}
        if text is not None:
            found["text"] = self._scaled("text", text)
        return {name: self.scales[name](vectors) for name, vectors in found.items()}

    def posteriors(self, inputs: Mapping[str, Tensor]) -> dict[str, Gaussian]:
        """q(z | x_m) for each modality of :meth:`inputs`; shape (n_items, latent_dim)."""
        return {name: self.vaes[name].encode(vectors) for name, vectors in inputs.items()}

    def decode(self, z: Tensor) -> dict[str, Tensor]:
        """Reconstruct all modalities from latents of shape (..., latent_dim); shape (..., width)."""
        return {name: vae.decode(z) for name, vae in self.vaes.items()}

    def embed_brain(self, prepared: Tensor, subject: Tensor | None = None) -> Tensor:
        """The posterior given what ``encoder.prepare`` made of epochs, shape (n_epochs, 2 latent_dim)."""
        return self._embedded("brain", self.encoder(prepared))

    def embed_image(self, features: Tensor, subject: Tensor | None = None) -> Tensor:
        """The posterior given image features of shape (n_images, image_dim), shape (n_images, 2 latent_dim)."""
        return self._embedded("image", self._scaled("image", features))

    def embed_text(self, features: Tensor) -> Tensor:
        """The posterior given caption features of shape (n_images, text_dim), shape (n_images, 2 latent_dim)."""
        if not self.has_text:
            raise ValueError("this model was trained without captions and has no autoencoder of text")
        return self._embedded("text", self._scaled("text", features))

    def branches(self) -> dict[str, list[nn.Parameter]]:
        """Autoencoder and guess of each modality."""
        return {name: trainable([vae, self.guesses[name]]) for name, vae in self.vaes.items()}

    def heads(self) -> list[nn.Parameter]:
        """The maps onto the latent."""
        return trainable(vae.posterior for vae in self.vaes.values())

    def parts(self) -> list[nn.Module]:
        """The perceptrons."""
        networks = [part for vae in self.vaes.values() for part in (vae.encoder, vae.decoder)]
        return [*networks, *self.guesses.values()]

    def scale_features(self, features: FeatureTable) -> None:
        """Take mean and deviation of image and caption features from those of the training images."""
        for name, scale in self.feature_scales.items():
            scale.fit(features.central if name == "image" else features.text)

    def fit(self, train: TrainingData) -> None:
        """Take centres, scales and principal axes from the training samples and their images, each once."""
        self.scales["brain"].fit(train.brain)
        shown = train.item.unique()
        for name in self.feature_scales:
            features = train.features.image_of(shown) if name == "image" else train.features.text[shown]
            self.scales[name].fit(self._scaled(name, features.float()))

    def begin_epoch(self, epoch: int) -> None:
        """Set β, which grows from 0 in the first epoch to 1."""
        self.beta = min(1.0, (epoch - 1) * self.params.beta_per_epoch)

    def logged(self, embeddings: Embeddings) -> dict[str, Tensor]:
        """β."""
        return {"beta": torch.as_tensor(self.beta, device=embeddings.brain.device)}

    def _scaled(self, name: str, features: Tensor) -> Tensor:
        return self.feature_scales[name](features)

    def _embedded(self, name: str, vectors: Tensor) -> Tensor:
        return torch.cat(self.vaes[name].encode(self.scales[name](vectors)), dim=1)
