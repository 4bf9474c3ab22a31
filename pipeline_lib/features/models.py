"""The one face of every image model, with or without a text tower: pixels in, texts in, features out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize
from torchvision.transforms.functional import pil_to_tensor

from pipeline_lib.common.errors import InputError
from pipeline_lib.features.card import ImageSettings
from pipeline_lib.features.layers import FINAL, Blocks, blocks_of


@dataclass(frozen=True)
class ImageTextModel:
    """A trained image tower, and a text tower that shares its embedding space, where there is one.

    Attributes
    ----------
    name : str
        What it is (``"slip ViT 768 x 12, patch 16"``).
    network : Module
        Has ``encode_image`` and, with `tokenize`, ``encode_text``; on `device`, in evaluation mode, float32.
    tokenize : callable or None
        Texts to tokens, shape (n_texts, context_length). None: there is no text tower.
    settings : ImageSettings
        How the images are prepared.
    dim : int
        Width of the final features.
    device : torch.device
    revision : str
        What tells these weights from others of the same name: a digest.
    read_blocks : callable
        The network to the blocks of its image tower. Defaults to the towers of open_clip and timm.
    """

    name: str
    network: nn.Module
    tokenize: Callable[[list[str]], Tensor] | None
    settings: ImageSettings
    dim: int
    device: torch.device
    revision: str = ""
    read_blocks: Callable[[nn.Module], Blocks] = field(default=blocks_of, repr=False)

    @property
    def blocks(self) -> Blocks:
        """The blocks of the image tower, behind which intermediate layers are taken."""
        return self.read_blocks(self.network)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers whose features can be asked for; ``final`` is what the model itself gives."""
        return self.blocks.names

    def fit(self, rgb: np.ndarray) -> Tensor:
        """Resize and crop one image as the model saw them in training.

        Parameters
        ----------
        rgb : ndarray of uint8, shape (height, width, 3)
            RGB, of any size.

        Returns
        -------
        Tensor of uint8, shape (3, image_size, image_size)
        """
        return pil_to_tensor(_form(self.settings)(Image.fromarray(rgb)))

    def standardize(self, pixels: Tensor) -> Tensor:
        """Scale 8-bit images, shape (n_images, 3, height, width), to the channels' mean and deviation, as float32."""
        mean, std = (
            torch.tensor(values, device=pixels.device).view(3, 1, 1)
            for values in (self.settings.mean, self.settings.std)
        )
        return pixels.float().div_(255).sub_(mean).div_(std)

    def preprocess(self, images: Sequence[np.ndarray]) -> Tensor:
        """Resize, crop and standardize images as the model saw them in training.

        Parameters
        ----------
        images : sequence of ndarray of uint8, shape (height, width, 3)
            RGB, of any sizes.

        Returns
        -------
        Tensor, shape (n_images, 3, image_size, image_size)
        """
        return self.standardize(torch.stack([self.fit(rgb) for rgb in images]))

    def encode_images(self, pixels: Tensor) -> Tensor:
        """Final features of preprocessed images, shape (n_images, dim): as the model gives them, not normalised."""
        return self.encode_layers(pixels, [FINAL])[FINAL]

    @torch.inference_mode()
    def encode_layers(self, pixels: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Several layers of preprocessed images from one forward pass.

        Parameters
        ----------
        pixels : Tensor, shape (n_images, 3, image_size, image_size)
            From :meth:`preprocess`, or of uint8 from :meth:`fit`: those are standardised on the device.
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
        pixels = pixels.to(self.device, non_blocking=True)
        if pixels.dtype == torch.uint8:
            pixels = self.standardize(pixels)
        # TensorFloat-32 convolutions would make features of a GPU differ from those of a CPU by 1e-3.
        exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
        with exact, blocks.tapped(layers) as taken:
            taken[FINAL] = self.network.encode_image(pixels)
        return {layer: taken[layer].cpu() for layer in layers}

    def check_text(self) -> None:
        """Refuse texts where there is no text tower.

        Raises
        ------
        InputError
        """
        if self.tokenize is None:
            raise InputError(
                f"features: {self.name} has no text tower, so nothing can encode the captions; set caption.source to "
                "none, or choose an image-text model in features.model"
            )

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Features of texts, shape (n_texts, dim): the projection's output, not normalised."""
        self.check_text()
        return self.network.encode_text(self.tokenize(list(texts)).to(self.device)).cpu()


def _form(settings: ImageSettings) -> Compose:
    side, size = settings.resize or settings.image_size, settings.image_size
    method = InterpolationMode(settings.interpolation)
    if settings.fit == "squash":
        return Compose([Resize((size, size), interpolation=method)])
    return Compose([Resize(side, interpolation=method), CenterCrop(size)])


class ImageTower(nn.Module):
    """A network that only knows images.

    Parameters
    ----------
    visual : Module
        The tower.
    encode : callable, optional
        The tower and pixels to features, shape (n_images, dim). Defaults to calling the tower.
    """

    def __init__(self, visual: nn.Module, encode: Callable[[nn.Module, Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.visual, self._encode = visual, encode or (lambda tower, pixels: tower(pixels))

    def encode_image(self, pixels: Tensor) -> Tensor:
        """Features, shape (n_images, dim), of images, shape (n_images, 3, image_size, image_size)."""
        return self._encode(self.visual, pixels)
