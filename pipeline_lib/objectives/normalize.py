"""A batch in the shared space, as all objectives and balancers see it."""

from typing import Literal, NamedTuple

from torch import Tensor
from torch.nn.functional import normalize


class Embeddings(NamedTuple):
    """Row i of each belongs to item i of the batch.

    Attributes
    ----------
    brain, image : Tensor, shape (n_items, dim)
    text : Tensor, shape (n_items, dim), or None
        None where the study has no captions.
    logit_scale : Tensor, shape ()
        Inverse temperature, 1 / τ.
    """

    brain: Tensor
    image: Tensor
    text: Tensor | None
    logit_scale: Tensor


def embed(
    brain: Tensor,
    image: Tensor,
    text: Tensor | None,
    logit_scale: Tensor,
    *,
    mode: Literal["both", "image", "none"],
) -> Embeddings:
    """Give the projected features of a batch unit length where `mode` says so.

    Parameters
    ----------
    brain, image : Tensor, shape (n_items, dim)
    text : Tensor, shape (n_items, dim), or None
    logit_scale : Tensor, shape ()
    mode : {"both", "image", "none"}
        ``"both"``: all of them. ``"image"``: the targets, image and text, while the brain's length stays free (best
        for flat linear encoders). ``"none"``: nothing.

    Returns
    -------
    Embeddings
    """
    if mode == "both":
        brain = normalize(brain, dim=1)
    if mode != "none":
        image = normalize(image, dim=1)
        text = None if text is None else normalize(text, dim=1)
    return Embeddings(brain, image, text, logit_scale)
