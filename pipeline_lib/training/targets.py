"""Features of images and captions that the brain is aligned to, out of the feature bank."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline_lib.common.errors import InputError, bad_value
from pipeline_lib.features.bank import FeatureBank, open_bank
from pipeline_lib.training.params import TargetParams, middle

TEXT_DATASET = "text/final"

Names = str | Sequence[str]


@dataclass(frozen=True)
class FeatureTable:
    """Target features of a set of images.

    Attributes
    ----------
    image : Tensor, shape (n_images, [n_views,] [n_layers,] image_dim)
        With an axis of views where one of several is chosen for each sample, and one of layers where several are mixed.
    text : Tensor, shape (n_images, text_dim), or None
        Features of the captions; None where there are no captions.
    image_ids : sequence of str
        The images. Defaults to none, where nobody needs their names.
    views : tuple of str
        Names along the axis of views. Defaults to none, where there is no such axis.
    """

    image: Tensor
    text: Tensor | None
    image_ids: Sequence[str] = ()
    views: tuple[str, ...] = ()

    @property
    def image_dim(self) -> int:
        """Width of the image features."""
        return self.image.shape[-1]

    @property
    def n_layers(self) -> int | None:
        """Number of layers to be mixed; None where there is no axis of layers."""
        return self.central.shape[1] if self.central.ndim == 3 else None

    @property
    def central(self) -> Tensor:
        """Features of the middle view, shape (n_images, [n_layers,] image_dim); of the only one where there is one."""
        return self.image[:, middle(len(self.views))] if self.views else self.image

    def image_of(self, items: Tensor, view: Tensor | None = None) -> Tensor:
        """Features of some images.

        Parameters
        ----------
        items : Tensor of int, shape (n_items,)
            Rows of the table.
        view : Tensor of int, shape (n_items,), optional
            The view of each. Defaults to the middle one; where there is no axis of views, it changes nothing.

        Returns
        -------
        Tensor, shape (n_items, [n_layers,] image_dim)
        """
        return self.image[items, view] if self.views and view is not None else self.central[items]

    def to(self, device: torch.device, dtype: torch.dtype) -> "FeatureTable":
        """The same features on a device, in a type."""
        text = None if self.text is None else self.text.to(device, dtype)
        return replace(self, image=self.image.to(device, dtype), text=text)


def load_features(bank_path: Path, target: TargetParams, image_ids: Sequence[str]) -> FeatureTable:
    """Read the target and caption features of the images, in the order of `image_ids`.

    Raises
    ------
    InputError
        If the bank lacks a view or layer of the target or the view of the galleries, or their features are not equally
        wide.
    """
    with open_bank(bank_path) as bank:
        check_target(bank, target)
        views = target.chosen_views
        if views:
            image = _side_by_side((read_target(bank, name, target.layer, image_ids) for name in views), len(views))
        else:
            image = read_target(bank, target.view, target.layer, image_ids)
        has_text = TEXT_DATASET in bank.datasets()
        text = torch.from_numpy(bank.read(TEXT_DATASET, image_ids)) if has_text else None
    return FeatureTable(torch.from_numpy(image), text, image_ids, views)


def check_target(bank: FeatureBank, target: TargetParams) -> None:
    """Refuse a target that the bank lacks, in training or for the galleries, before anything of it is read.

    Raises
    ------
    InputError
    """
    layers = _listed(target.layer)
    needed = [*_datasets(bank, "target.view", target.view, layers)]
    if target.gallery_view is not None:
        needed += _datasets(bank, "target.gallery_view", target.gallery_view, layers)
    _check_widths(bank, needed)


def read_target(bank: FeatureBank, view: Names, layer: Names, image_ids: Sequence[str]) -> np.ndarray:
    """Features of one layer, or of several side by side; of one view, or the mean over several.

    Parameters
    ----------
    bank : FeatureBank
    view, layer : str or sequence of str
    image_ids : sequence of str

    Returns
    -------
    ndarray of float32, shape (n_images, dim), or (n_images, n_layers, dim) where `layer` is a sequence

    Raises
    ------
    InputError
        If the bank lacks a view or a layer, or their features are not equally wide.
    """
    views = _listed(view)
    _check_widths(bank, [*_datasets(bank, "target.view", view, _listed(layer))])
    total = _read_view(bank, views[0], layer, image_ids)
    for name in views[1:]:
        total += _read_view(bank, name, layer, image_ids)
    return total if len(views) == 1 else total / np.float32(len(views))


def _listed(names: Names) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _datasets(bank: FeatureBank, key: str, view: Names, layers: Sequence[str]) -> Iterator[str]:
    """The datasets that a target needs; `key` is what names its views in params.yaml."""
    there = [name.split("/", 1) for name in bank.datasets() if name != TEXT_DATASET]
    for name in _listed(view):
        if not (made := [layer for found, layer in there if found == name]):
            cure = "add it to features.views so that it is made"
            raise bad_value(key, name, dict.fromkeys(found for found, _ in there), where=str(bank.path), cure=cure)
        for layer in layers:
            if layer not in made:
                cure = "add it to features.layers so that it is made"
                raise bad_value("target.layer", layer, made, where=f"{bank.path}, view {name}", cure=cure)
            yield f"{name}/{layer}"


def _check_widths(bank: FeatureBank, datasets: Sequence[str]) -> None:
    widths = {name: bank.read(name, []).shape[1] for name in datasets}
    if len(set(widths.values())) > 1:
        described = ", ".join(f"{name} {width}" for name, width in widths.items())
        raise InputError(
            f"{bank.path}: section target names features that are not equally wide: {described}; name layers of one "
            "width, which intermediate layers have"
        )


def _read_view(bank: FeatureBank, view: str, layer: Names, image_ids: Sequence[str]) -> np.ndarray:
    if isinstance(layer, str):
        return bank.read(f"{view}/{layer}", image_ids)
    return _side_by_side((bank.read(f"{view}/{name}", image_ids) for name in layer), len(layer))


def _side_by_side(parts: Iterator[np.ndarray], n_parts: int) -> np.ndarray:
    """Stack along a new second axis, with one part in memory besides the result."""
    for i, part in enumerate(parts):
        if not i:
            result = np.empty((len(part), n_parts, *part.shape[1:]), dtype=part.dtype)
        result[:, i] = part
    return result
