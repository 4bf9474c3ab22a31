"""A number that is none: where in an epoch it came up, said in one line."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.training.data import TrainingData

Record = Mapping[str, Tensor]


def check_finite(
    epoch: int, records: Sequence[Record], batches: Sequence[Tensor], data: TrainingData, *, kept: str
) -> None:
    """Refuse to go on after a step that logged a number that is NaN or infinite.

    Parameters
    ----------
    epoch : int
    records : sequence of mapping of str to Tensor, shape ()
        What each step logged.
    batches : sequence of Tensor of int
        Each step's rows of `data`.
    data : TrainingData
    kept : str
        What is left of the training, for the message; may be empty.

    Raises
    ------
    InputError
        Naming the epoch, the first such step and term, and the images of its batch: those whose response or features
        are at fault where they are, else all.
    """
    table = torch.stack([torch.stack([value.float() for value in record.values()]) for record in records])
    if bool(table.isfinite().all()):
        return
    step, term = torch.nonzero(~table.isfinite())[0].tolist()
    name, value = list(records[step])[term], float(table[step, term])
    raise InputError(
        f"training broke off at epoch {epoch}, step {step + 1}: {name} is {value} {_about_batch(data, batches[step])}; "
        "lower train.learning_rate or loss.spr.sigma_max, and check the epochs with 'trialign check'"
        f"{'; ' + kept if kept else ''}"
    )


def _about_batch(data: TrainingData, rows: Tensor) -> str:
    at_fault = _not_finite(data, rows)
    if len(at_fault):
        return f"in a batch where responses or features are not finite, those of {_images(data, at_fault)}"
    return f"in the batch of images {_images(data, rows)}"


def _not_finite(data: TrainingData, rows: Tensor) -> Tensor:
    """Those of the rows whose response or features hold NaN or infinity."""
    items, features = data.item[rows], data.features
    good = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
    for values in (data.brain[rows], features.image[items], *([] if features.text is None else [features.text[items]])):
        good &= values.flatten(1).isfinite().all(1)
    return rows[~good]


def _images(data: TrainingData, rows: Tensor) -> str:
    items = data.item[rows].tolist()
    names = data.features.image_ids
    return listed(names[item] if names else f"row {item}" for item in items)
