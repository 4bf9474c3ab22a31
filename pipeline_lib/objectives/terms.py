"""The objectives by name: what a batch's embeddings cost."""

from collections.abc import Iterable

from torch import Tensor

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.objectives.guidance import semantic_guidance
from pipeline_lib.objectives.info_nce import info_nce
from pipeline_lib.objectives.normalize import Embeddings
from pipeline_lib.objectives.params import LossParams

NEED_TEXT = ("image-text", "guidance")


def objective_terms(params: LossParams, embeddings: Embeddings, *, concepts: Tensor | None = None) -> dict[str, Tensor]:
    """The losses that ``params.objectives`` names, in that order.

    ``brain-image`` is L1 = InfoNCE(brain, image), ``image-text`` is L2 = InfoNCE(image, text), ``guidance`` is
    L3 = SGA (NeuroAlign, Algorithm 1, lines 15, 17 and 18).

    Parameters
    ----------
    params : LossParams
    embeddings : Embeddings
    concepts : Tensor of int, shape (n_items,), optional
        Used, and needed, with ``params.positives`` "concept".

    Returns
    -------
    dict of str to Tensor, shape ()

    Raises
    ------
    InputError
        If an objective needs text and there is none.
    ValueError
        If concepts are needed and there are none.
    """
    check_text(params.objectives, available=embeddings.text is not None)
    if params.positives == "pair":
        concepts = None
    elif concepts is None:
        raise ValueError("loss.positives is 'concept', so the concepts of the batch's items must be given")
    return {name: _term(name, params, embeddings, concepts) for name in params.objectives}


def check_text(objectives: Iterable[str], *, available: bool) -> None:
    """Refuse objectives that need text where there is none.

    Raises
    ------
    InputError
        Naming the objectives and what to change.
    """
    if not available and (needing := [name for name in objectives if name in NEED_TEXT]):
        raise InputError(
            f"loss.objectives: {listed(needing)} needs text features and there are none; set caption.source to "
            f"something other than none, or leave {listed(needing)} out of loss.objectives"
        )


def _term(name: str, params: LossParams, embeddings: Embeddings, concepts: Tensor | None) -> Tensor:
    brain, image, text, scale = embeddings
    if name == "brain-image":
        return info_nce(brain, image, scale, concepts=concepts)
    if name == "image-text":
        return info_nce(image, text, scale, concepts=concepts)
    return semantic_guidance(brain, image, text, scale, **params.sga.model_dump())
