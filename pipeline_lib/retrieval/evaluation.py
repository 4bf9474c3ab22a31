"""One pass of each trained model over the test partition, after everything about it has been chosen."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.common.joins import rows_of
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.features.bank import FeatureBank, open_bank
from pipeline_lib.recordings.params import StudyParams
from pipeline_lib.recordings.store import EpochsStore, open_store
from pipeline_lib.retrieval.galleries import Targets
from pipeline_lib.retrieval.matchers import matcher_of
from pipeline_lib.retrieval.params import EvaluateParams
from pipeline_lib.retrieval.report import about_lines
from pipeline_lib.retrieval.summaries import FROM_BRAIN, Result, both_directions
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


def about(inputs: Inputs, declared: Declared, study: StudyParams, params: EvaluateParams) -> list[str]:
    """What a reader of the metrics has to know; see :func:`pipeline_lib.retrieval.report.about_lines`."""
    folder = declared.folders(inputs.runs)[0]
    _, card, trained_with = load_run(folder)
    return about_lines(
        study=study.name,
        synthetic=study.name.startswith("phantom"),
        closed_set=study.closed_set,
        repeats=params.repeats,
        whitening=card.whitening,
        selection=_selection(trained_with),
        remarks=[*_pairs_remarks(trained_with["train"]["pairs"]), *_view_remarks(card)],
    )


def _selection(trained_with: Mapping[str, Any]) -> str:
    """By which loss the epoch was chosen: not by brain-image where that was no objective."""
    validation, objectives = trained_with["train"]["validation"], trained_with["loss"]["objectives"]
    by = validation["loss"] if validation["loss"] in objectives else "total"
    return f"epoch of lowest validation loss ({'elbo' if 'elbo' in objectives else by}), split by {validation['split']}"


def _pairs_remarks(pairs: str) -> list[str]:
    if pairs == "shown":
        return []
    return ["negative control: trained on shuffled pairs of response and image; all figures have to be at chance"]


def _view_remarks(card: ModelCard) -> list[str]:
    """What is searched, where responses were matched with something else in training."""
    trained = card.target_view if isinstance(card.target_view, list) else [card.target_view]
    if card.gallery_view in (card.target_view, *(trained if len(trained) == 1 else ())):
        return []
    how = {"mean": "the mean of ", "uncertainty": "one for each sample of "}[card.target_views]
    matched = f"{how if len(trained) > 1 else ''}{', '.join(trained)}"
    return [f"view of the images that are searched: {card.gallery_view} (in training: {matched})"]


def evaluate_runs(inputs: Inputs, declared: Declared, params: EvaluateParams) -> Iterator[Result]:
    """Rank the galleries for every declared run, in both directions.

    Yields
    ------
    Result
        For each run and gallery, brain to gallery and gallery to brain.

    Raises
    ------
    InputError
        If a declared run is missing, its sensors are not those of the recording, or there are too few test images.
    """
    with open_bank(inputs.features) as bank:
        for (protocol, subject, seed), folder in zip(declared.runs(), declared.folders(inputs.runs), strict=True):
            model, card, trained_with = load_run(folder)
            matcher = matcher_of(card, trained_with)
            store_path = inputs.epochs / f"{subject}.zarr.zip"
            store = open_store(store_path)
            check_sensors(card, store, store_path)
            shown, responses = query_responses(store, params.repeats, where=store_path)
            image_ids = list(dict.fromkeys(shown))
            known = card.training_row(subject)
            queries = embed_queries(model, responses, known)
            targets = embed_targets(model, card, bank, inputs.table, image_ids, known)
            asked = rows_of(shown, image_ids, what=str(store_path))
            for name in params.galleries:
                similarity, relevant = matcher.match(queries, targets, name)
                run = (protocol, subject, int(seed), name, FROM_BRAIN)
                yield from both_directions(Result(*run, similarity, relevant[asked]))


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
