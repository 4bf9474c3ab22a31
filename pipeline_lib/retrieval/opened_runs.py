"""Trained models beside the test partition of the subject that each is tested on: what is evaluated and analysed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.common.joins import rows_of
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.features.bank import FeatureBank, open_bank
from pipeline_lib.recordings.store import EpochsStore, open_store
from pipeline_lib.retrieval.galleries import Names, Targets, item_names
from pipeline_lib.retrieval.matchers import matcher_of
from pipeline_lib.retrieval.matching import Matcher
from pipeline_lib.retrieval.params import GalleryName
from pipeline_lib.training.base import Model
from pipeline_lib.training.run_folder import ModelCard, load_run
from pipeline_lib.training.targets import TEXT_DATASET, read_target

PROTOCOLS = ("intra", "inter")
LEAST_IMAGES = 2
QUERIES_AT_ONCE = 1000


@dataclass(frozen=True)
class Declared:
    """Which runs are evaluated: those that params.yaml names, whatever else lies in the folder."""

    subjects: list[str]
    held_out: list[str]
    seeds: list[str]

    def runs(self) -> Iterator[tuple[str, str, str]]:
        """Protocol, subject and seed of each run."""
        for protocol, names in zip(PROTOCOLS, (self.subjects, self.held_out), strict=True):
            yield from ((protocol, name, seed) for name in names for seed in self.seeds)

    def folders(self, runs: Path) -> list[Path]:
        """The run folder of each declared run, as the training stages name them."""
        return [runs / protocol / f"{subject}-seed{seed}" for protocol, subject, seed in self.runs()]


@dataclass(frozen=True)
class Inputs:
    """The folders of runs and epochs stores, the feature bank and the stimulus table."""

    runs: Path
    epochs: Path
    features: Path
    table: StimulusTable


@dataclass(frozen=True)
class OpenedRun:
    """A trained model, and the responses and images that it is tested with.

    Attributes
    ----------
    protocol : {"intra", "inter"}
    subject : str
        Who is tested.
    seed : int
    folder : Path
        The run folder.
    model : Model
        In evaluation mode, on the CPU.
    card : ModelCard
    store : EpochsStore
        The epochs of the subject.
    image_ids : list of str
        The test images, each once: the items of gallery ``image``.
    shown : list of str, length n_queries
        What each response was a response to.
    responses : ndarray of float32, shape (n_queries, n_channels, n_times)
    targets : Targets
        The model's embeddings of the test images, and of what else galleries are made of.
    matcher : Matcher
    """

    protocol: str
    subject: str
    seed: int
    folder: Path
    model: Model
    card: ModelCard
    store: EpochsStore
    image_ids: list[str]
    shown: list[str]
    responses: np.ndarray
    targets: Targets
    matcher: Matcher

    def embed(self, responses: np.ndarray) -> np.ndarray:
        """The model's embeddings of responses like its own, shape (n_queries, dim)."""
        return embed_queries(self.model, responses, self.card.training_row(self.subject))

    def match(self, queries: np.ndarray, gallery: GalleryName) -> tuple[np.ndarray, np.ndarray]:
        """Compare embeddings, one for each response of the run, with a gallery.

        Returns
        -------
        similarity : ndarray of float64, shape (n_queries, n_items)
        relevant : ndarray of bool, shape (n_queries, n_items)
        """
        similarity, relevant = self.matcher.match(queries, self.targets, gallery)
        return similarity, relevant[self.rows_shown]

    @property
    def rows_shown(self) -> np.ndarray:
        """Which of `image_ids` each response was a response to, shape (n_queries,)."""
        return rows_of(self.shown, self.image_ids, what=str(self.store.path))

    def names(self, gallery: GalleryName) -> Names:
        """What the rows and columns of :meth:`match` are."""
        concepts = [self.targets.concepts[row] for row in self.rows_shown]
        return Names(self.shown, concepts, item_names(gallery, self.image_ids, self.targets.concepts))


def opened_runs(inputs: Inputs, declared: Declared, repeats: str | int) -> Iterator[OpenedRun]:
    """Open every declared run, one after the other.

    Parameters
    ----------
    inputs : Inputs
    declared : Declared
    repeats : "mean", "single" or int
        What a query is, :class:`~pipeline_lib.retrieval.params.EvaluateParams`.

    Raises
    ------
    InputError
        If a declared run is missing, its sensors are not those of the recording, or there are too few test images.
    """
    with open_bank(inputs.features) as bank:
        for (protocol, subject, seed), folder in zip(declared.runs(), declared.folders(inputs.runs), strict=True):
            model, card, trained_with = load_run(folder)
            store_path = inputs.epochs / f"{subject}.zarr.zip"
            store = open_store(store_path)
            check_sensors(card, store, store_path)
            shown, responses = query_responses(store, repeats, where=store_path)
            image_ids = list(dict.fromkeys(shown))
            targets = embed_targets(model, card, bank, inputs.table, image_ids, card.training_row(subject))
            yield OpenedRun(
                protocol=protocol,
                subject=subject,
                seed=int(seed),
                folder=folder,
                model=model,
                card=card,
                store=store,
                image_ids=image_ids,
                shown=shown,
                responses=responses,
                targets=targets,
                matcher=matcher_of(card, trained_with),
            )


def query_responses(store: EpochsStore, repeats: str | int, *, where: Path) -> tuple[list[str], np.ndarray]:
    """The queries: of each test image the mean of all its repeats or of the first so many, or every single trial.

    Returns
    -------
    image_ids : list of str
        What was shown; for means, each image once.
    responses : ndarray of float32, shape (n_queries, n_channels, n_times)
    """
    if repeats in ("mean", "single"):
        read = store.means if repeats == "mean" else store.trials
        found = read(test=True)
        image_ids, responses = found.image_ids, found.epochs
    else:
        image_ids, responses = _mean_of_first(store, int(repeats), where)
    if (n_images := len(set(image_ids))) < LEAST_IMAGES:
        raise InputError(f"{where}: {n_images} test images; retrieval needs at least {LEAST_IMAGES}")
    return list(image_ids), responses


def _mean_of_first(store: EpochsStore, count: int, where: Path) -> tuple[list[str], np.ndarray]:
    trials = store.trials(test=True)
    names = np.asarray(trials.image_ids, dtype=object)
    image_ids = list(dict.fromkeys(trials.image_ids))
    chosen = [np.flatnonzero(names == name)[np.argsort(trials.repeat[names == name])][:count] for name in image_ids]
    if short := [name for name, rows in zip(image_ids, chosen, strict=True) if len(rows) < count]:
        raise InputError(
            f"{where}: evaluate.repeats is {count}, but these test images have fewer: {listed(short)}; "
            "lower it or take the mean of all"
        )
    return image_ids, np.stack([trials.epochs[rows].mean(axis=0) for rows in chosen])


@torch.no_grad()
def embed_queries(model: Model, responses: np.ndarray, known: int | None = None) -> np.ndarray:
    """Brain embeddings, shape (n_queries, dim); `known` is the person's row among the training subjects, if any."""

    def embedded(part: torch.Tensor) -> torch.Tensor:
        subject = None if known is None else torch.full((len(part),), known)
        return model.embed_brain(model.encoder.prepare(part), subject)

    return torch.cat([embedded(part) for part in torch.from_numpy(responses).split(QUERIES_AT_ONCE)]).numpy()


@torch.no_grad()
def embed_targets(
    model: Model,
    card: ModelCard,
    bank: FeatureBank,
    table: StimulusTable,
    image_ids: list[str],
    known: int | None = None,
) -> Targets:
    """What galleries are made of, through the same trained projections as in training; `known` as for the queries."""
    subject = None if known is None else torch.tensor(known)

    def image(ids: list[str]) -> np.ndarray:
        features = read_target(bank, card.gallery_view, card.target_layer, ids)
        return model.embed_image(torch.from_numpy(features), subject).numpy()

    centers = table.of_split("center")
    text = None
    if model.has_text:
        text = model.embed_text(torch.from_numpy(bank.read(TEXT_DATASET, image_ids))).numpy()
    return Targets(
        image=image(image_ids),
        concepts=table.concepts(image_ids),
        text=text,
        center=image(centers["image_id"].tolist()) if len(centers) else None,
        center_concepts=centers["concept"].tolist(),
    )


def check_sensors(card: ModelCard, store: EpochsStore, where: Path) -> None:
    """Refuse a recording whose channels, samples or rate are not those the model was trained on."""
    if list(store.ch_names) != card.ch_names:
        raise InputError(f"{where}: channels differ from those the model was trained on; run 'dvc repro'")
    found, wanted = (store.n_times, store.sfreq), (card.shapes.n_times, card.sfreq)
    if found != wanted:
        raise bad_value("samples and rate", found, f"those of the model, {wanted}", where=str(where))
