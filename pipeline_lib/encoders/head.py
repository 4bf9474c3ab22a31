"""The projection head: from an encoder's or a model's features into the space that the modalities share."""

from torch import Tensor, nn
from torch.nn.functional import gelu

from pipeline_lib.encoders.base import initialize


class ProjectionHead(nn.Module):
    """LayerNorm(x + Dropout(W₂ GELU(x))), with x = W₁ features.

    Parameters
    ----------
    in_dim : int
        Width of the features.
    dim : int
        Width of the shared space.
    dropout : float
        Share of the residual branch's outputs that are dropped in training.
    """

    def __init__(self, in_dim: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(in_dim, dim)
        self.residual = nn.Linear(dim, dim)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(dim)
        initialize(self)

    def forward(self, features: Tensor) -> Tensor:
        """Project features of shape (n_items, in_dim) to (n_items, dim)."""
        x = self.linear(features)
        return self.norm(x + self.dropout(self.residual(gelu(x))))
