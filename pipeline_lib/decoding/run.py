"""Decoding: a trained model, new recordings and a gallery -> every trial's images, best first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.common.stimulus_table import StimulusTable, read_stimulus_table
from pipeline_lib.decoding.gallery import Gallery, features_folder, read_gallery
from pipeline_lib.decoding.noise import treat
from pipeline_lib.decoding.parts import Part
from pipeline_lib.decoding.ranking import Ranked, averaged, rank
from pipeline_lib.decoding.request import Request
from pipeline_lib.decoding.shown import Say, gallery_items
from pipeline_lib.decoding.trials import Trained, preprocess_params, read_parts
from pipeline_lib.recordings.fitted import Fitted, load_fitted
from pipeline_lib.retrieval.galleries import Targets
from pipeline_lib.retrieval.matchers import matcher_of
from pipeline_lib.retrieval.opened_runs import embed_queries
from pipeline_lib.training.base import Model
from pipeline_lib.training.model_card import ModelCard
from pipeline_lib.training.run_folder import CARD, load_run

NOBODY = "unknown"
ALIKE_DECIMALS = 5  # the same image in another batch may differ in the last bits


@dataclass(frozen=True)
class Decoded:
    """What was found.

    Attributes
    ----------
    ranked : Ranked
    gallery : Gallery
    card : ModelCard
        Of the model.
    """

    ranked: Ranked
    gallery: Gallery
    card: ModelCard


def decode_recordings(request: Request, say: Say) -> Decoded:
    """Decode recordings.

    Parameters
    ----------
    request : Request
    say : callable
        Takes one line each on what the user should know.

    Raises
    ------
    InputError
        If something that was given cannot be used; names the file and what to do.
    """
    model, card, trained_with = load_run(request.model)
    subject, people = _people(request, card, say)
    table, gallery = _images(request)
    folder = features_folder(card, request.features_model)
    trained = Trained(card, preprocess_params(card, request.model / CARD), people)
    parts = read_parts(request, trained, table, gallery.image_ids, say)
    treat(parts, people, trained.params, request.whitening, say)
    epochs, queries = _queries(parts, request, say)
    items = gallery_items(queries["shown"].tolist(), gallery.image_ids, where=str(request.gallery))
    _say_unknown(queries, items, say)
    from pipeline_lib.decoding.encoding import gallery_features  # takes seconds, and bad input is found by now

    features = gallery_features(gallery, card, folder, device=request.device, threads=request.threads)
    _say_alike(gallery, features, say)
    images, brain = _embedded(model, features, epochs, None if subject is None else card.training_row(subject))
    targets = Targets(images, gallery.table.frame["concept"].tolist())
    similarity, _ = matcher_of(card, trained_with).match(brain, targets, "image")
    return Decoded(rank(similarity, queries, items, gallery.image_ids, request.top), gallery, card)


def _people(request: Request, card: ModelCard, say: Say) -> tuple[str | None, Mapping[str, Fitted]]:
    """Who was recorded, None for a stranger, and whose training recordings stand for them."""
    subject = request.subject or (card.trained_on[0] if len(card.trained_on) == 1 else NOBODY)
    if subject not in (*card.trained_on, NOBODY):
        raise bad_value("--subject", subject, (*card.trained_on, NOBODY))
    if request.subject is None and subject == NOBODY:
        say(f"recordings of nobody among the {len(card.trained_on)} people the model was trained on; else --subject")
    chosen = card.trained_on if subject == NOBODY else [subject]
    people = {name: load_fitted(request.model, name, n_channels=card.shapes.n_channels) for name in chosen}
    return None if subject == NOBODY else subject, people


def _images(request: Request) -> tuple[StimulusTable | None, Gallery]:
    """What codes and names of events stand for, and the gallery."""
    listed = read_stimulus_table(request.gallery) if request.gallery.is_file() else None
    table = listed if request.stimuli is None else read_stimulus_table(request.stimuli)
    return table, read_gallery(request.gallery, listed, request.split, request.images)


def _queries(parts: Sequence[Part], request: Request, say: Say) -> tuple[np.ndarray, pd.DataFrame]:
    for part in parts:
        if not np.isfinite(part.epochs).all():
            raise InputError(f"{part.recording}: trials hold values that are no numbers after preprocessing")
    epochs = np.concatenate([part.epochs for part in parts])
    trials = pd.concat([part.frame for part in parts], ignore_index=True).assign(trials=1)
    if request.average == "none":
        return epochs, trials
    means, queries = averaged(epochs, trials)
    if unknown := int((trials["shown"] == "").sum()):
        say(f"{unknown} trials are left out of the means: what they showed is unknown")
    return means, queries


def _say_unknown(queries: pd.DataFrame, items: np.ndarray, say: Say) -> None:
    named = queries["shown"] != ""
    if absent := int((named & (items < 0)).sum()):
        first = queries.loc[named & (items < 0), "shown"].iloc[0]
        say(f"{absent} of {len(queries)} queries show images that are not in the gallery, such as {first}: no rank")


def _say_alike(gallery: Gallery, features: np.ndarray, say: Say) -> None:
    """Name images that the features' model cannot tell apart, such as copies of a file."""
    alike: dict[bytes, list[str]] = {}
    for image_id, row in zip(gallery.image_ids, np.round(features, ALIKE_DECIMALS) + 0.0, strict=True):
        alike.setdefault(row.tobytes(), []).append(image_id)
    for same in alike.values():
        if len(same) > 1:
            say(f"the gallery holds an image {len(same)} times, so it ranks at best {len(same)}: {listed(same)}")


@torch.no_grad()
def _embedded(
    model: Model, features: np.ndarray, epochs: np.ndarray, known: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of gallery and queries, as `evaluate` makes them."""
    images = model.embed_image(torch.from_numpy(features), None if known is None else torch.tensor(known))
    return images.numpy(), embed_queries(model, epochs, known)


def where_found(decoded: Decoded, request: Request) -> dict[str, str]:
    """What a reader of the contact sheet has to know about its making."""
    card, ranked = decoded.card, decoded.ranked
    people = ", ".join(card.trained_on)
    files = ", ".join(map(str, request.recordings))
    kind = "means of the trials of an image" if request.average == "image" else "single trials"
    return {
        "model": f"{request.model} ({card.kind}, trained on {people}, seed {card.seed})",
        "recordings": files,
        "gallery": f"{len(ranked.image_ids)} images, {request.gallery}",
        "queries": f"{len(ranked.queries)}, {kind}",
        "whitening": request.whitening,
        "result": ranked.summary(),
    }
