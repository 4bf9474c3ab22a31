"""The one face of every image-text model: pixels in, texts in, features out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from open_clip.transform import image_transform
from PIL import Image
from torch import Tensor, nn

from pipeline_lib.features.card import ImageSettings
from pipeline_lib.features.layers import FINAL, Blocks, blocks_of


@dataclass(frozen=True)
class ImageTextModel:
    """A trained pair of an image and a text tower with a shared embedding space.

    Attributes
    ----------
    name : str
        What it is (``"slip ViT 768 x 12, patch 16"``).
    network : Module
        Has ``encode_image`` and ``encode_text``; on `device`, in evaluation mode, float32.
    tokenize : callable
        Texts to tokens, shape (n_texts, context_length).
    settings : ImageSettings
        How the images are prepared.
    dim : int
        Width of the shared space.
    device : torch.device
    """

    name: str
    network: nn.Module
    tokenize: Callable[[list[str]], Tensor]
    settings: ImageSettings
    dim: int
    device: torch.device

    @property
    def blocks(self) -> Blocks:
        """The blocks of the image tower, behind which intermediate layers are taken."""
        return blocks_of(self.network)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers whose features can be asked for; ``final`` is the shared space."""
        return self.blocks.names

    def preprocess(self, images: Sequence[np.ndarray]) -> Tensor:
        """Resize, crop and standardise images as the model saw them in training.

        Parameters
        ----------
        images : sequence of ndarray of uint8, shape (height, width, 3)
            RGB, of any sizes.

        Returns
        -------
        Tensor, shape (n_images, 3, image_size, image_size)
        """
        wanted = self.settings
        transform = image_transform(
            wanted.image_size,
            is_train=False,
            mean=wanted.mean,
            std=wanted.std,
            resize_mode="shortest",
            interpolation=wanted.interpolation,
        )
        return torch.stack([transform(Image.fromarray(rgb)) for rgb in images])

    def encode_images(self, pixels: Tensor) -> Tensor:
        """Features of preprocessed images, shape (n_images, dim): the projection's output, not normalised."""
        return self.encode_layers(pixels, [FINAL])[FINAL]

    @torch.inference_mode()
    def encode_layers(self, pixels: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Several layers of preprocessed images from one forward pass.

        Parameters
        ----------
        pixels : Tensor, shape (n_images, 3, image_size, image_size)
        layers : sequence of str
            Names as :mod:`pipeline_lib.features.layers` has them.

        Returns
        -------
        dict of str to Tensor, shape (n_images, dim)
            By the names asked for, in their order. Widths differ between ``final``, other layers and ``both``.

        Raises
        ------
        InputError
            If the model has no such layer.
        """
        blocks = self.blocks
        blocks.check(layers)
        # TensorFloat-32 convolutions would make features of a GPU differ from those of a CPU by 1e-3.
        exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
        with exact, blocks.tapped(layers) as taken:
            taken[FINAL] = self.network.encode_image(pixels.to(self.device))
        return {layer: taken[layer].cpu() for layer in layers}

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Features of texts, shape (n_texts, dim): the projection's output, not normalised."""
        return self.network.encode_text(self.tokenize(list(texts)).to(self.device)).cpu()
