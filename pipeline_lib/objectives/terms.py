"""The objectives by name: what a batch's embeddings cost."""

from collections.abc import Iterable

from torch import Tensor

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.objectives.consistency import consistency
from pipeline_lib.objectives.guidance import semantic_guidance
from pipeline_lib.objectives.info_nce import info_nce
from pipeline_lib.objectives.normalize import Embeddings
from pipeline_lib.objectives.params import LossParams

NEED_TEXT = ("image-text", "guidance", "brain-text", "consistency", "adapter-consistency")
BEFORE_AFTER = tuple[Tensor, Tensor]


def objective_terms(
    params: LossParams,
    embeddings: Embeddings,
    *,
    concepts: Tensor | None = None,
    adapted: BEFORE_AFTER | None = None,
) -> dict[str, Tensor]:
    """The losses that ``params.objectives`` names, in that order.

    ``brain-image`` is L1 = InfoNCE(brain, image), ``image-text`` is L2 = InfoNCE(image, text), ``guidance`` is
    L3 = SGA (NeuroAlign, Algorithm 1, lines 15, 17 and 18). ``brain-text`` is InfoNCE(brain, text), ``consistency`` is
    L_cos of image and text, ``adapter-consistency`` is L_r times its weight (HMAVD, equations 2-4 and 7). HMAVD's sum
    of two brain-image terms, two brain-text terms and L_cos over five is that of the static weights 0.4, 0.4, 0.2.

    Parameters
    ----------
    params : LossParams
    embeddings : Embeddings
    concepts : Tensor of int, shape (n_items,), optional
        Used, and needed, with ``params.positives`` "concept".
    adapted : pair of Tensor, shape (n_items, text_dim), optional
        Text features before and behind their adapter; used, and needed, by ``adapter-consistency``.

    Returns
    -------
    dict of str to Tensor, shape ()

    Raises
    ------
    InputError
        If an objective needs text, or an adapter, and there is none.
    ValueError
        If concepts are needed and there are none.
    """
    check_text(params.objectives, available=embeddings.text is not None)
    check_adapter(params.objectives, available=adapted is not None)
    if params.positives == "pair":
        concepts = None
    elif concepts is None:
        raise ValueError("loss.positives is 'concept', so the concepts of the batch's items must be given")
    return {name: _term(name, params, embeddings, concepts, adapted) for name in params.objectives}


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


def check_adapter(objectives: Iterable[str], *, available: bool) -> None:
    """Refuse ``adapter-consistency`` where text features have no adapter.

    Raises
    ------
    InputError
    """
    if not available and "adapter-consistency" in objectives:
        raise InputError(
            "loss.objectives: adapter-consistency compares text features with what their adapter makes of them, and "
            "there is no adapter; set encoder.heads.text: adapter, or leave adapter-consistency out of loss.objectives"
        )


def _term(
    name: str, params: LossParams, embeddings: Embeddings, concepts: Tensor | None, adapted: BEFORE_AFTER | None
) -> Tensor:
    brain, image, text, scale = embeddings
    if name in ("brain-image", "brain-text"):
        target = image if name == "brain-image" else text
        return info_nce(brain, target if params.target_grad else target.detach(), scale, concepts=concepts)
    if name == "image-text":
        return info_nce(image, text, scale, concepts=concepts)
    if name == "consistency":
        return consistency(image, text)
    if name == "adapter-consistency":
        return params.adapter.consistency_weight * consistency(*adapted)
    return semantic_guidance(brain, image, text, scale, **params.sga.model_dump())
