"""What a model is trained on: brain responses and features of the images that evoked them, joined by image id.

Only the training partition is read here. Everything fits on the device, so batches are picked by index.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.common.joins import rows_of
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.features.bank import open_bank
from pipeline_lib.recordings.store import EpochsStore, open_store
from pipeline_lib.training.params import TargetParams, TrainParams, ValidationParams

TEXT_DATASET = "text/final"


@dataclass(frozen=True)
class FeatureTable:
    """Target features of a set of images.

    Attributes
    ----------
    image : Tensor, shape (n_images, image_dim)
    text : Tensor, shape (n_images, text_dim), or None
        Features of the captions; None where there are no captions.
    """

    image: Tensor
    text: Tensor | None


@dataclass(frozen=True)
class TrainingData:
    """Samples of one or several subjects.

    Attributes
    ----------
    brain : Tensor, shape (n_samples, n_channels, n_times)
        Responses, in the units of the epochs store; after :meth:`prepared`, what the encoder makes of them.
    item : Tensor of int, shape (n_samples,)
        The row of each sample's image in `features` and `concept`.
    concept : Tensor of int, shape (n_images,)
    features : FeatureTable
    """

    brain: Tensor
    item: Tensor
    concept: Tensor
    features: FeatureTable

    def __len__(self) -> int:
        return len(self.brain)

    def subset(self, rows: Tensor) -> "TrainingData":
        """The given samples; features stay shared."""
        return replace(self, brain=self.brain[rows], item=self.item[rows])

    def to(self, device: torch.device) -> "TrainingData":
        """The same data on another device."""
        text = None if self.features.text is None else self.features.text.to(device)
        return TrainingData(
            brain=self.brain.to(device),
            item=self.item.to(device),
            concept=self.concept.to(device),
            features=FeatureTable(self.features.image.to(device), text),
        )


def load_features(bank_path: Path, target: TargetParams, image_ids: Sequence[str]) -> FeatureTable:
    """Read the target and caption features of the images, in the order of `image_ids`."""
    with open_bank(bank_path) as bank:
        image = torch.from_numpy(bank.read(f"{target.view}/{target.layer}", image_ids))
        has_text = TEXT_DATASET in bank.datasets()
        text = torch.from_numpy(bank.read(TEXT_DATASET, image_ids)) if has_text else None
    return FeatureTable(image, text)


def load_training_data(
    store_paths: Sequence[Path], bank_path: Path, table: StimulusTable, target: TargetParams, params: TrainParams
) -> tuple[TrainingData, EpochsStore]:
    """Read the training partition of one subject, or of several.

    Parameters
    ----------
    store_paths : sequence of Path
        One epochs store per subject.
    bank_path : Path
        The feature bank.
    table : StimulusTable
        Only its training images are read.
    target, params : TargetParams, TrainParams

    Returns
    -------
    data : TrainingData
        On the CPU, subjects one after the other.
    first : EpochsStore
        The first subject's store: channel names, sampling rate and the like, which are the same for all.

    Raises
    ------
    InputError
        If two subjects differ in channels, samples or sampling rate, or an image has no features.
    """
    stores = [open_store(path) for path in store_paths]
    _check_alike(stores, store_paths)
    image_ids = table.ids("train")
    parts = [_responses(store, params.repeats) for store in stores]
    item = np.concatenate([rows_of(part.image_ids, image_ids, what="stimulus table") for part in parts])
    brain = torch.empty(len(item), *parts[0].epochs.shape[1:])
    start = 0
    for part in parts:
        brain[start : start + len(part.epochs)] = torch.from_numpy(part.epochs)
        start += len(part.epochs)
    _, concept = np.unique(table.of_split("train")["concept"], return_inverse=True)
    features = load_features(bank_path, target, image_ids)
    return TrainingData(brain, torch.from_numpy(item), torch.from_numpy(concept), features), stores[0]


def split_validation(
    data: TrainingData, params: ValidationParams, *, n_subjects: int, generator: torch.Generator
) -> tuple[TrainingData, TrainingData]:
    """Split samples into a training and a validation part.

    ``samples`` draws single samples, so their images and concepts stay in training too (the papers' protocol);
    ``images`` holds out whole images, over all subjects; ``concepts`` whole concepts, until they cover the size.

    Parameters
    ----------
    data : TrainingData
    params : ValidationParams
        ``size`` counts samples per subject, or images.
    n_subjects : int
        Training subjects.
    generator : torch.Generator
        Draws the validation part.

    Raises
    ------
    InputError
        If the validation part would leave fewer than two training samples.
    """
    held = _held_out(data, params, n_subjects, generator)
    train, valid = torch.nonzero(~held).flatten(), torch.nonzero(held).flatten()
    if len(train) < 2 or len(valid) < 2:
        raise InputError(
            f"train.validation.size is {params.size} with split {params.split!r}: that leaves {len(train)} of "
            f"{len(data)} samples for training and {len(valid)} for validation; choose a smaller size"
        )
    return data.subset(train), data.subset(valid)


def _held_out(data: TrainingData, params: ValidationParams, n_subjects: int, generator: torch.Generator) -> Tensor:
    held = torch.zeros(len(data), dtype=torch.bool)
    if params.split == "samples":
        held[torch.randperm(len(data), generator=generator)[: params.size * n_subjects]] = True
        return held
    if params.split == "images":
        images = torch.randperm(len(data.concept), generator=generator)[: params.size]
        return torch.isin(data.item, images)
    order = torch.randperm(int(data.concept.max()) + 1, generator=generator)
    sizes = torch.bincount(data.concept)[order].cumsum(0)
    n_concepts = int(torch.searchsorted(sizes, params.size)) + 1
    return torch.isin(data.concept[data.item], order[:n_concepts])


def _responses(store: EpochsStore, repeats: str):
    return store.means(test=False) if repeats == "mean" else store.trials(test=False)


def _check_alike(stores: Sequence[EpochsStore], paths: Sequence[Path]) -> None:
    first = stores[0]
    for store, path in zip(stores[1:], paths[1:], strict=True):
        if store.ch_names != first.ch_names:
            differing = sorted(set(store.ch_names) ^ set(first.ch_names)) or ["their order"]
            raise InputError(f"{path}: channels differ from {paths[0]}: {listed(differing)}; set preprocess.picks")
        if (store.n_times, store.sfreq) != (first.n_times, first.sfreq):
            raise InputError(
                f"{path}: {store.n_times} samples at {store.sfreq} Hz, but {paths[0]} has {first.n_times} at "
                f"{first.sfreq} Hz; preprocess both with the same parameters"
            )
