"""The logit scale 1 / τ: how sharply similarities are told apart."""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

HIGHEST = 100.0


class LogitScale(nn.Module):
    """The inverse temperature, in one of three forms that all start at 1 / τ.

    Parameters
    ----------
    kind : {"learned", "fixed", "softplus"}
        ``"learned"`` is CLIP's: exp of a parameter that is kept at or below ln 100. ``"fixed"`` has no parameter.
        ``"softplus"`` is ln(1 + exp of a parameter). UBP's and NeuroBridge's softplus(2.659) = 2.727 is a temperature
        of 0.3667 here.
    temperature : float
        τ at the start: 0.07 gives a scale of 14.29. Must be positive.

    Raises
    ------
    ValueError
        If ``temperature`` is not positive.
    """

    def __init__(self, kind: Literal["learned", "fixed", "softplus"], temperature: float) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"temperature must be positive, got {temperature}")
        self.kind = kind
        start = 1 / temperature
        if kind == "fixed":
            self.register_buffer("value", torch.tensor(start))
            return
        raw = math.log(start) if kind == "learned" else start + math.log(-math.expm1(-start))
        self.raw = nn.Parameter(torch.tensor(raw))

    def forward(self) -> Tensor:
        """The scale, shape ()."""
        if self.kind == "fixed":
            return self.value
        if self.kind == "softplus":
            return softplus(self.raw)
        # Clipped at its source: a clip of the output would leave a parameter beyond the limit without gradient.
        with torch.no_grad():
            self.raw.clamp_(max=math.log(HIGHEST))
        return self.raw.exp()
