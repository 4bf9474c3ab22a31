"""What is held out of the training partition, to choose the epoch by."""

import torch
from torch import Tensor

from pipeline_lib.common.errors import InputError
from pipeline_lib.training.data import Samples
from pipeline_lib.training.params import ValidationParams


def split_validation(
    samples: Samples, params: ValidationParams, *, n_subjects: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Split samples into a training and a validation part.

    ``samples`` draws single samples, so their images and concepts stay in training too (the papers' protocol);
    ``images`` holds out whole images, over all subjects; ``concepts`` whole concepts, until they cover the size.

    Parameters
    ----------
    samples : Samples
    params : ValidationParams
        ``size`` counts samples per subject, or images.
    n_subjects : int
        Training subjects.
    generator : torch.Generator
        Draws the validation part.

    Returns
    -------
    train, valid : Tensor of int
        Rows of the samples, ascending.

    Raises
    ------
    InputError
        If one of the two parts would have fewer than two samples.
    """
    held = _held_out(samples, params, n_subjects, generator)
    train, valid = torch.nonzero(~held).flatten(), torch.nonzero(held).flatten()
    if len(train) < 2 or len(valid) < 2:
        raise InputError(
            f"train.validation.size is {params.size} with split {params.split!r}: that leaves {len(train)} of "
            f"{len(samples)} samples for training and {len(valid)} for validation; choose a smaller size"
        )
    return train, valid


def _held_out(samples: Samples, params: ValidationParams, n_subjects: int, generator: torch.Generator) -> Tensor:
    held = torch.zeros(len(samples), dtype=torch.bool)
    if params.split == "samples":
        held[torch.randperm(len(samples), generator=generator)[: params.size * n_subjects]] = True
        return held
    if params.split == "images":
        images = torch.randperm(len(samples.concept), generator=generator)[: params.size]
        return torch.isin(samples.item, images)
    order = torch.randperm(int(samples.concept.max()) + 1, generator=generator)
    sizes = torch.bincount(samples.concept)[order].cumsum(0)
    n_concepts = int(torch.searchsorted(sizes, params.size)) + 1
    return torch.isin(samples.concept[samples.item], order[:n_concepts])
