"""From some rows of the data to their losses: embed, gather over processes, compare."""

import torch
from torch import Tensor

from pipeline_lib.objectives.normalize import Embeddings, embed
from pipeline_lib.objectives.terms import objective_terms
from pipeline_lib.training.data import TrainingData
from pipeline_lib.training.distributed import Processes
from pipeline_lib.training.model import AlignmentModel
from pipeline_lib.training.precision import autocast
from pipeline_lib.training.settings import Settings

VALIDATED_AT_ONCE = 1000


def batch_losses(
    model: AlignmentModel,
    settings: Settings,
    data: TrainingData,
    rows: Tensor,
    processes: Processes,
    view: Tensor | None = None,
) -> tuple[dict[str, Tensor], Embeddings]:
    """The named losses of some samples, and the embeddings they came from.

    Parameters
    ----------
    model : AlignmentModel
        In training mode, each process embeds its share of the rows; in evaluation mode every process all of them.
    settings : Settings
    data : TrainingData
    rows : Tensor of int, shape (n_rows,)
        Of the batch, the same in all processes.
    processes : Processes
    view : Tensor of int, shape (n_samples of `data`,), optional
        The view of its image that each sample is matched with, where there are several. Defaults to the middle one.

    Returns
    -------
    losses : dict of str to Tensor, shape ()
        Of the whole batch, float32.
    embeddings : Embeddings
        Of the whole batch, float32.
    """
    own = processes.share(rows) if model.training else rows
    with autocast(settings.train.precision, rows.device):
        outputs = _outputs(model, settings, data, own, None if view is None else view[own])

    def whole(output: Tensor | None) -> Tensor | None:
        if output is None:
            return None
        return processes.gather(output.float(), len(rows)) if model.training else output.float()

    brain, image, text, *adapted = map(whole, outputs)
    embeddings = embed(brain, image, text, model.logit_scale(), mode=settings.loss.normalize)
    pair = None if adapted[0] is None else tuple(adapted)
    return objective_terms(settings.loss, embeddings, concepts=data.concept[data.item[rows]], adapted=pair), embeddings


def _outputs(
    model: AlignmentModel, settings: Settings, data: TrainingData, rows: Tensor, view: Tensor | None
) -> tuple[Tensor | None, ...]:
    """Brain, image and text as the heads leave them, and text features before and behind their adapter."""
    features, items, subjects = data.features, data.item[rows], data.subject[rows]
    text = None if features.text is None else features.text[items].float()
    brain = _embed_brain(model, settings, data, rows)
    image = model.embed_image(features.image_of(items, view).float(), subjects)
    embedded_text = None if text is None else model.embed_text(text)
    needed = "adapter-consistency" in settings.loss.objectives
    adapted = model.adapted_text(text) if needed else None
    return brain, image, embedded_text, *(adapted or (None, None))


def _embed_brain(model: AlignmentModel, settings: Settings, data: TrainingData, rows: Tensor) -> Tensor:
    """In training all at once, for BatchNorm's statistics; else in parts, which take less memory."""

    def embedded(part: Tensor) -> Tensor:
        responses = data.brain[part]
        responses = responses.float() if settings.train.precision == "float32" else responses
        return model.embed_brain(responses, data.subject[part])

    return embedded(rows) if model.training else torch.cat([embedded(part) for part in rows.split(VALIDATED_AT_ONCE)])
