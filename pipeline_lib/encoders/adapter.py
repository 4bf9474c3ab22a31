"""HMAVD's adapters: a narrow detour beside the features of a pretrained model, which stay what they are otherwise."""

import torch
from torch import Tensor, nn

from pipeline_lib.encoders.base import initialize


class Adapter(nn.Module):
    """A(x) = x + α W₂ ReLU(W₁ x + b₁) + b₂, and the new features β A(x) + (1 − β) x (HMAVD, equations 5, 6 and 8).

    Images have no b₁ and b₂ (equation 5), and no fusion: β is 1. b₂ stands outside α, as printed. A dropout behind the
    first activation and an activation behind W₂ appear in the paper's figure only; the attention that its text speaks
    of has no equation.

    Parameters
    ----------
    dim : int
        Width of the features, d, and of what comes out.
    width : int
        Of the bottleneck: W₁ has shape (width, d), W₂ (d, width).
    alpha, beta : float
    bias : bool
        Whether there are b₁ and b₂, which start at zero.
    dropout : float
    second_activation : bool
    """

    def __init__(
        self, dim: int, width: int, *, alpha: float, beta: float, bias: bool, dropout: float, second_activation: bool
    ) -> None:
        super().__init__()
        self.alpha, self.beta, self.second_activation = alpha, beta, second_activation
        self.down = nn.Linear(dim, width, bias=bias)
        self.up = nn.Linear(width, dim, bias=False)
        self.shift = nn.Parameter(torch.zeros(dim)) if bias else None
        self.dropout = nn.Dropout(dropout)
        initialize(self)

    def adapted(self, features: Tensor) -> Tensor:
        """A(x), of the shape of the features, (n_items, dim)."""
        detour = self.up(self.dropout(torch.relu(self.down(features))))
        if self.second_activation:
            detour = torch.relu(detour)
        result = features + self.alpha * detour
        return result if self.shift is None else result + self.shift

    def forward(self, features: Tensor) -> Tensor:
        """β A(x) + (1 − β) x, of the shape of the features, (n_items, dim)."""
        return self.beta * self.adapted(features) + (1 - self.beta) * features
