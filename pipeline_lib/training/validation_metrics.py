"""How well the chosen epoch finds the images of the validation samples; it goes into the model's card.

Each sample's response is compared, by the cosine of embeddings, with every image that a validation sample shows. The
test partition is unknown here; what a model is worth is told by stage `evaluate`.
"""

import torch
from torch import Tensor, nn

from pipeline_lib.training.base import Model
from pipeline_lib.training.data import TrainingData
from pipeline_lib.training.loop import Fit

TOP = (1, 5)
AT_ONCE = 1000
DECIMALS = 9  # equal rows may give products that differ in the last bit


def validation_metrics(model: Model, valid: TrainingData, fit: Fit) -> dict[str, float]:
    """Loss, and where images and responses share a space, retrieval.

    Parameters
    ----------
    model : Model
        With the weights of the chosen epoch; is left in evaluation mode.
    valid : TrainingData
    fit : Fit

    Returns
    -------
    dict of str to float or int
        ``loss``: the one that chose the epoch; ``samples``; ``n``: how many images there are to choose from;
        ``top1`` and ``top5``: share of the samples whose image is among the first so many, not for BraVL.
    """
    found = {"loss": fit.history[fit.best_epoch - 1]["valid/loss"], "samples": len(valid)}
    images = valid.item.unique()
    found["n"] = len(images)
    if model.kind != "alignment":
        return found
    ranks = validation_ranks(model, valid, images)
    return {**found, **{f"top{k}": float((ranks <= k).double().mean()) for k in TOP}}


@torch.no_grad()
def validation_ranks(model: Model, valid: TrainingData, images: Tensor) -> Tensor:
    """The rank, from 1, of each sample's image among `images`; ties count against the model.

    Parameters
    ----------
    model : Model
    valid : TrainingData
    images : Tensor of int, shape (n_images,)
        Rows of the features, ascending; each sample's is among them.

    Returns
    -------
    Tensor of int, shape (n_samples,)
    """
    model.eval()
    ranks = torch.empty(len(valid), dtype=torch.int64, device=images.device)
    for subject in valid.subject.unique():  # who looks matters where layers of features are mixed
        rows = torch.nonzero(valid.subject == subject).flatten()
        gallery = _unit(model.embed_image(valid.features.image_of(images).float(), subject.expand(len(images))))
        for part in rows.split(AT_ONCE):
            brain = _unit(model.embed_brain(valid.brain[part].float(), valid.subject[part]))
            similarity = (brain @ gallery.T).round(decimals=DECIMALS)
            own = similarity.gather(1, torch.searchsorted(images, valid.item[part])[:, None])
            ranks[part] = (similarity >= own).sum(1)
    return ranks


def _unit(embeddings: Tensor) -> Tensor:
    return nn.functional.normalize(embeddings.double(), dim=1)
