"""From the logits of the next token to that token: the likeliest, or one drawn at random.

Drawing is done here and not by transformers, whose random numbers depend on what else is in a batch. Image i has its
own uniform numbers u_{i,1}, u_{i,2}, ... from (seed, image id), and token n is read off the cumulative distribution,

    p = softmax(logits / temperature),   kept: the likeliest tokens until Σ p ≥ top_p,
    token = the first, from the likeliest down, with Σ p > u_{i,n} Σ_kept p,

so a caption is the same for any batch size, order and number of processes.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import LogitsProcessor


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn: see the parameters ``caption.sampling``."""

    temperature: float
    top_p: float
    seed: int


@dataclass(frozen=True)
class Decoding:
    """How a caption is written: at most `max_new_tokens` tokens, the likeliest ones or (with `sampling`) drawn ones."""

    max_new_tokens: int
    sampling: Sampling | None = None

    def chooser(self, keys: Sequence[str]) -> "list[DrawnToken]":
        """The logits processors for a batch of the images `keys`; none where the likeliest token is taken."""
        if self.sampling is None:
            return []
        return [DrawnToken(self.sampling, [numbers_of(self.sampling.seed, key, self.max_new_tokens) for key in keys])]


def numbers_of(seed: int, key: str, count: int) -> np.ndarray:
    """`count` uniform numbers in [0, 1) that belong to one image; float64."""
    digest = hashlib.sha256(f"{seed}\n{key}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big")).random(count)


class DrawnToken(LogitsProcessor):
    """Leaves one token possible in each row, the one that is drawn, so that taking the likeliest takes it.

    Parameters
    ----------
    sampling : Sampling
    numbers : sequence of ndarray, shape (max_new_tokens,)
        Each row's uniform numbers, one a token.
    """

    def __init__(self, sampling: Sampling, numbers: Sequence[np.ndarray]) -> None:
        self.sampling = sampling
        self.numbers = torch.from_numpy(np.stack(numbers))
        self.step = 0

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores of shape (batch, vocabulary) with the drawn token at 0 and all others at -∞."""
        drawn = draw(scores, self.numbers[:, self.step].to(scores.device), self.sampling)
        self.step += 1
        return torch.full_like(scores, -torch.inf).scatter(1, drawn[:, None], 0.0)


def draw(logits: Tensor, numbers: Tensor, sampling: Sampling) -> Tensor:
    """One token per row.

    Parameters
    ----------
    logits : Tensor, shape (batch, vocabulary)
    numbers : Tensor of float64, shape (batch,)
        In [0, 1).
    sampling : Sampling

    Returns
    -------
    Tensor of int64, shape (batch,)
    """
    ordered, tokens = (logits.double() / sampling.temperature).sort(dim=1, descending=True, stable=True)
    sums = ordered.softmax(dim=1).cumsum(dim=1)
    n_kept = (sums < sampling.top_p).sum(dim=1, keepdim=True).clamp(max=logits.shape[1] - 1)
    reached = sums > numbers[:, None] * sums.gather(1, n_kept)
    return tokens.gather(1, reached.int().argmax(dim=1, keepdim=True))[:, 0]
