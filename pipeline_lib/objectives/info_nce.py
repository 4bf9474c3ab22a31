"""InfoNCE: in a batch, every item should find its own counterpart among all others."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from pipeline_lib.common.errors import check_embeddings


def info_nce(a: Tensor, b: Tensor, logit_scale: Tensor | float, *, concepts: Tensor | None = None) -> Tensor:
    """½ [CE(S, target) + CE(Sᵀ, target)] with S = logit_scale · a bᵀ (methods, section 6).

    Parameters
    ----------
    a, b : Tensor, shape (n_items, dim)
        Embeddings; row i of each belongs to item i.
    logit_scale : Tensor or float
        Inverse temperature, 1 / τ.
    concepts : Tensor of int, shape (n_items,), optional
        The concept of each item: items of one concept share the target's mass equally. Defaults to every item being
        its own only match, that is, the target is the diagonal.

    Returns
    -------
    Tensor, shape ()

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    check_embeddings(a=a, b=b)
    logits = logit_scale * (a @ b.T)
    target = torch.arange(len(a), device=a.device) if concepts is None else _shared_mass(concepts, logits)
    return (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2


def _shared_mass(concepts: Tensor, logits: Tensor) -> Tensor:
    """Row i is the even distribution over the items of i's concept; symmetric, so it serves both directions."""
    if concepts.shape != logits.shape[:1]:
        raise ValueError(f"concepts must have shape ({len(logits)},), got {tuple(concepts.shape)}")
    same = (concepts[:, None] == concepts[None, :]).to(logits.dtype)
    return same / same.sum(1, keepdim=True)
