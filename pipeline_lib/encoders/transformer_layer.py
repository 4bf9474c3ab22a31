"""One layer of a transformer encoder: tokens attend to each other, then each passes two linear maps.

    y = LayerNorm(x + Dropout(O concat_h softmax(Q_h K_hᵀ / √w) V_h))
    output = LayerNorm(y + Dropout(W₂ Dropout(GELU(W₁ y))))

torch's own layer wants token widths that the number of heads divides; epochs have 250 or 201 samples. Here each head
is ``width // heads`` wide, and the heads' outputs are mapped back to the tokens' width. Keys have no bias, which
softmax would take out, nor have values, whose bias is part of O's.

Source: Vaswani et al., Attention is all you need, NeurIPS 2017.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from pipeline_lib.encoders.base import initialize


class TransformerLayer(nn.Module):
    """Self-attention and feed-forward, each with a residual and normalised afterwards.

    Parameters
    ----------
    width : int
        Of the tokens.
    heads : int
        At most `width`.
    hidden : int
        Width between the two linear maps.
    dropout : float
        Of attention weights, of both branches' outputs and between the two maps.
    """

    def __init__(self, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.heads, inner = heads, heads * (width // heads)
        self.query = nn.Linear(width, inner)
        self.key = nn.Linear(width, inner, bias=False)
        self.value = nn.Linear(width, inner, bias=False)
        self.out = nn.Linear(inner, width)
        self.attention_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, hidden)
        self.contract = nn.Linear(hidden, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        initialize(self)

    def forward(self, tokens: Tensor) -> Tensor:
        """Transform tokens of shape (n_epochs, n_tokens, width); same shape."""
        y = self.attention_norm(tokens + self.dropout(self._attended(tokens)))
        inner = self.dropout(gelu(self.expand(y)))
        return self.norm(y + self.dropout(self.contract(inner)))

    def _attended(self, tokens: Tensor) -> Tensor:
        query, key, value = (self._by_head(map_(tokens)) for map_ in (self.query, self.key, self.value))
        scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])
        weights = self.dropout(torch.softmax(scores, dim=3))
        return self.out((weights @ value).transpose(1, 2).flatten(2))

    def _by_head(self, tokens: Tensor) -> Tensor:
        """From shape (n_epochs, n_tokens, heads * w) to (n_epochs, heads, n_tokens, w)."""
        return tokens.unflatten(2, (self.heads, -1)).transpose(1, 2)
