"""Features of images and captions that the brain is aligned to, out of the feature bank."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline_lib.common.errors import InputError, bad_value
from pipeline_lib.features.bank import FeatureBank, open_bank
from pipeline_lib.training.params import TargetParams

TEXT_DATASET = "text/final"


@dataclass(frozen=True)
class FeatureTable:
    """Target features of a set of images.

    Attributes
    ----------
    image : Tensor, shape (n_images, image_dim), or (n_images, n_layers, image_dim) where the target is several layers
    text : Tensor, shape (n_images, text_dim), or None
        Features of the captions; None where there are no captions.
    image_ids : sequence of str
        The images. Defaults to none, where nobody needs their names.
    """

    image: Tensor
    text: Tensor | None
    image_ids: Sequence[str] = ()

    def to(self, device: torch.device, dtype: torch.dtype) -> "FeatureTable":
        """The same features on a device, in a type."""
        text = None if self.text is None else self.text.to(device, dtype)
        return FeatureTable(self.image.to(device, dtype), text, self.image_ids)


def load_features(bank_path: Path, target: TargetParams, image_ids: Sequence[str]) -> FeatureTable:
    """Read the target and caption features of the images, in the order of `image_ids`."""
    with open_bank(bank_path) as bank:
        image = torch.from_numpy(read_target(bank, target.view, target.layer, image_ids))
        has_text = TEXT_DATASET in bank.datasets()
        text = torch.from_numpy(bank.read(TEXT_DATASET, image_ids)) if has_text else None
    return FeatureTable(image, text, image_ids)


def read_target(bank: FeatureBank, view: str, layer: str | Sequence[str], image_ids: Sequence[str]) -> np.ndarray:
    """Features of one layer, or of several side by side.

    Parameters
    ----------
    bank : FeatureBank
    view : str
    layer : str or sequence of str
    image_ids : sequence of str

    Returns
    -------
    ndarray of float32, shape (n_images, dim), or (n_images, n_layers, dim) where `layer` is a sequence

    Raises
    ------
    InputError
        If the bank lacks a layer of this view, or the layers' features are not equally wide.
    """
    if isinstance(layer, str):
        return _read_layer(bank, view, layer, image_ids)
    features = [_read_layer(bank, view, name, image_ids) for name in layer]
    widths = {name: part.shape[1] for name, part in zip(layer, features, strict=True)}
    if len(set(widths.values())) > 1:
        described = ", ".join(f"{name} {width}" for name, width in widths.items())
        raise InputError(
            f"{bank.path}: target.layer names layers whose features are not equally wide: {described}; name layers of "
            "one width, which intermediate layers have"
        )
    return np.stack(features, axis=1)


def _read_layer(bank: FeatureBank, view: str, layer: str, image_ids: Sequence[str]) -> np.ndarray:
    there = [name.partition("/")[2] for name in bank.datasets() if name.startswith(f"{view}/")]
    if there and layer not in there:
        cure = "add it to features.layers so that it is made"
        raise bad_value("target.layer", layer, there, where=f"{bank.path}, view {view}", cure=cure)
    return bank.read(f"{view}/{layer}", image_ids)
