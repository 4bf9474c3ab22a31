"""Semantic guidance alignment (SGA): image-text similarities of a batch teach the brain-image similarities.

Two pictures of red stars are not as unlike each other as a star and a fish. Captions know by how much, so the row-wise
softmax of the image-text similarities is a softer target than "everything but the pair is wrong".
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from pipeline_lib.common.errors import check_embeddings


def semantic_guidance(
    brain: Tensor,
    image: Tensor,
    text: Tensor,
    logit_scale: Tensor | float,
    *,
    diagonal: Literal["softmax", "one"],
    reduction: Literal["mean", "sum"],
    teacher_grad: bool,
) -> Tensor:
    """KL(Q_i ‖ P_i) over the batch, with Q = softmax(brain imageᵀ / τ) and P = softmax(image textᵀ / τ).

    NeuroAlign, equations 4-6 and Algorithm 1, lines 13-15.

    Parameters
    ----------
    brain, image, text : Tensor, shape (n_items, dim)
        Embeddings; row i of each belongs to item i.
    logit_scale : Tensor or float
        Inverse temperature, 1 / τ.
    diagonal : {"softmax", "one"}
        ``"softmax"`` keeps each row a distribution (Algorithm 1). ``"one"`` sets P_ii = Q_ii = 1 as equations 4 and 5
        print it: only the off-diagonal terms remain, and the result is no divergence (it can be negative).
    reduction : {"mean", "sum"}
        Over the rows. Algorithm 1 takes the mean; equation 6 prints a sum.
    teacher_grad : bool
        Whether gradients flow into P. Without, the teacher is a target; the image embeddings learn through Q only.

    Returns
    -------
    Tensor, shape ()

    Raises
    ------
    ValueError
        If the three shapes differ.
    """
    check_embeddings(brain=brain, image=image, text=text)
    log_q = log_softmax(logit_scale * (brain @ image.T), dim=1)
    with torch.set_grad_enabled(teacher_grad and torch.is_grad_enabled()):
        log_p = log_softmax(logit_scale * (image @ text.T), dim=1)
    terms = log_q.exp() * (log_q - log_p)
    if diagonal == "one":
        terms = terms - terms.diagonal().diag()
    return terms.sum() / len(brain) if reduction == "mean" else terms.sum()
