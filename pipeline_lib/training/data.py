"""What a model is trained on: brain responses and features of the images that evoked them, joined by image id.

Only the training partition is read here. Everything fits on the device, so batches are picked by index. Responses are
read in pieces, each prepared for the encoder and put where it belongs on the device: recordings of nine persons lie in
memory once, not as read, as copied and as prepared.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.common.joins import rows_of
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.features.bank import open_bank
from pipeline_lib.features.record import record_of
from pipeline_lib.recordings.fitted import Fitted
from pipeline_lib.recordings.store import EpochsStore, open_store
from pipeline_lib.recordings.stored_rows import StoredRows
from pipeline_lib.training.params import TargetParams
from pipeline_lib.training.targets import FeatureTable, load_features

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
Prepare = Callable[[Tensor], Tensor]


class Digest(Protocol):
    """Something that is fed bytes, such as ``hashlib.sha256()``."""

    def update(self, data: bytes, /) -> None:
        """Take up more bytes."""


@dataclass(frozen=True)
class TrainingData:
    """Samples of one or several subjects.

    Attributes
    ----------
    brain : Tensor, shape (n_samples, ...)
        Responses, as the encoder's ``prepare`` leaves them.
    item : Tensor of int, shape (n_samples,)
        The row of each sample's image in `features` and `concept`.
    concept : Tensor of int, shape (n_images,)
    features : FeatureTable
    subject : Tensor of int, shape (n_samples,)
        The row of each sample's subject among the training subjects.
    """

    brain: Tensor
    item: Tensor
    concept: Tensor
    features: FeatureTable
    subject: Tensor

    def __len__(self) -> int:
        return len(self.brain)


@dataclass(frozen=True)
class Samples:
    """Whose response to which image each sample is: all there is to know without reading a response.

    Attributes
    ----------
    item, subject : Tensor of int, shape (n_samples,)
        As in :class:`TrainingData`; subjects one after the other.
    concept : Tensor of int, shape (n_images,)
    """

    item: Tensor
    subject: Tensor
    concept: Tensor

    def __len__(self) -> int:
        return len(self.item)


@dataclass(frozen=True)
class TrainingSet:
    """The training partition of one subject or of several; features are read, responses are not yet.

    Attributes
    ----------
    samples : Samples
    features : FeatureTable
        On the CPU.
    responses : list of StoredRows
        One per subject.
    first : EpochsStore
        The first subject's store: channel names, sampling rate and the like, which are the same for all.
    fitted : list of Fitted
        What each subject's trials were whitened and scaled with.
    bank : dict
        How the features were made, :func:`pipeline_lib.features.record.record_of`.
    """

    samples: Samples
    features: FeatureTable
    responses: list[StoredRows]
    first: EpochsStore
    fitted: list[Fitted]
    bank: dict[str, Any]

    @property
    def n_subjects(self) -> int:
        """Number of training subjects."""
        return len(self.responses)

    def read(
        self,
        parts: Sequence[Tensor],
        *,
        prepare: Prepare = lambda epochs: epochs,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
        digest: Digest | None = None,
    ) -> list[TrainingData]:
        """Read all responses and deal them out.

        Parameters
        ----------
        parts : sequence of Tensor of int
            The samples of each part; together each sample once.
        prepare : callable
            The encoder's, applied piece by piece on the device. Defaults to the epochs as they are.
        device : torch.device, optional
            Where the data will lie. Defaults to the CPU.
        dtype : torch.dtype
            In which they will lie there.
        digest : Digest, optional
            Is fed what was read: responses, features, and which belongs to which.

        Returns
        -------
        list of TrainingData
            One per part.
        """
        device = torch.device("cpu") if device is None else device
        order = torch.cat(list(parts))
        place = torch.empty_like(order)
        place[order] = torch.arange(len(order))
        brain = self._read_brain(place, prepare, device, dtype, digest)
        if digest is not None:
            self._feed(digest)
        features, concept = self.features.to(device, dtype), self.samples.concept.to(device)
        pieces = brain.split([len(rows) for rows in parts])
        item, subject = self.samples.item, self.samples.subject
        return [
            TrainingData(piece, item[rows].to(device), concept, features, subject[rows].to(device))
            for piece, rows in zip(pieces, parts, strict=True)
        ]

    def _read_brain(
        self, place: Tensor, prepare: Prepare, device: torch.device, dtype: torch.dtype, digest: Digest | None
    ) -> Tensor:
        """All samples prepared, sample i in row place[i]."""
        brain, start = torch.empty(0), 0
        for stored in self.responses:
            for rows, epochs in stored.blocks():
                if digest is not None:
                    digest.update(np.ascontiguousarray(epochs).data)
                prepared = prepare(torch.from_numpy(epochs).to(device)).to(dtype)
                if not len(brain):
                    brain = prepared.new_empty(len(place), *prepared.shape[1:])
                brain[place[start + rows.start : start + rows.stop].to(device)] = prepared
            start += len(stored)
        return brain

    def _feed(self, digest: Digest) -> None:
        digest.update("\n".join(self.features.image_ids).encode())
        for tensor in (*vars(self.samples).values(), self.features.image, self.features.text):
            if tensor is not None:
                digest.update(tensor.contiguous().numpy().data)


def open_training_set(
    store_paths: Sequence[Path], bank_path: Path, table: StimulusTable, target: TargetParams, repeats: str
) -> TrainingSet:
    """Open the training partition of one subject, or of several.

    Parameters
    ----------
    store_paths : sequence of Path
        One epochs store per subject.
    bank_path : Path
        The feature bank.
    table : StimulusTable
        Only its training images are read.
    target : TargetParams
    repeats : {"mean", "single"}
        Whether a sample is the mean over an image's trials, or a trial.

    Raises
    ------
    InputError
        If two subjects differ in channels, samples, sampling rate or preprocessing, a store is of an older version, or
        an image has no features.
    """
    stores = [open_store(path) for path in store_paths]
    _check_alike(stores, store_paths)
    image_ids = table.ids("train")
    responses = [store.rows("means" if repeats == "mean" else "trials", test=False) for store in stores]
    items = [torch.from_numpy(rows_of(part.image_ids, image_ids, what="stimulus table")) for part in responses]
    subject = torch.repeat_interleave(torch.arange(len(items)), torch.tensor([len(item) for item in items]))
    _, concept = np.unique(table.of_split("train")["concept"], return_inverse=True)
    samples = Samples(torch.cat(items), subject, torch.from_numpy(concept))
    fitted = [store.fitted() for store in stores]
    with open_bank(bank_path) as bank:
        record = record_of(bank)
    return TrainingSet(samples, load_features(bank_path, target, image_ids), responses, stores[0], fitted, record)


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
        if settings_of(store) != settings_of(first):
            cure = "preprocess both with the same parameters"
            raise InputError(f"{path}: study or preprocess parameters differ from those of {paths[0]}; {cure}")


def settings_of(store: EpochsStore) -> dict[str, Any]:
    """What led from recordings to epochs, the same for all subjects: layout, closed_set and section `preprocess`."""
    provenance = store.attrs.get("provenance", {})
    return {name: provenance.get(name) for name in ("layout", "closed_set", "preprocess")}
