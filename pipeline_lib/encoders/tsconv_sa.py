"""TSConv behind self-attention over channels (NICE-SA; HMAVD-63-SA).

    z_c = (x_c - mean) / sd                       each channel's time course, per epoch
    A = softmax(Q Kᵀ / √32),  Q = z W_qᵀ,  K = z W_kᵀ
    x' = x + Dropout(A) x

The papers name self-attention over channels and no more. The released NICE-SA sums the weights of each row, which is
always 1, before they meet the data: its attention does nothing. Here every channel's output depends on the others.

What is handed over are the time courses themselves, so that a channel's time axis stays one; the spatial filters that
follow weigh the channels. Queries and keys see standardised time courses, so attention is the same whether epochs are
in volts, in tesla or whitened, and x' scales with x. A bias of the keys would add the same to a whole row of Q Kᵀ and
change nothing.

Source: Song et al., Decoding natural images from EEG for object recognition, ICLR 2024; its starting values (Glorot).
"""

import math

import torch
from torch import Tensor, nn

from pipeline_lib.encoders.channel_attention import ChannelAttention

WIDTH = 32
FLAT = 1e-5


class SelfAttentionTSConv(ChannelAttention):
    """Scaled dot-product attention between channels, then TSConv; parameters are :class:`ChannelAttention`'s."""

    def __init__(self, n_channels: int, n_times: int, dropout: float, attention_dropout: float) -> None:
        super().__init__(n_channels, n_times, dropout, attention_dropout)
        self.query = nn.Linear(n_times, WIDTH)
        self.key = nn.Linear(n_times, WIDTH, bias=False)
        for linear in (self.query, self.key):
            nn.init.xavier_normal_(linear.weight)
        nn.init.zeros_(self.query.bias)

    def attention(self, epochs: Tensor) -> Tensor:
        """Weights from the similarity of queries and keys, shape (n_epochs, n_channels, n_channels)."""
        tokens = standardized(epochs)
        scores = self.query(tokens) @ self.key(tokens).transpose(1, 2)
        return torch.softmax(scores / math.sqrt(WIDTH), dim=2)

    def averaged_values(self, epochs: Tensor, means: Tensor) -> Tensor:
        """The moving means themselves."""
        return means


def standardized(epochs: Tensor) -> Tensor:
    """Each time course with mean 0 and deviation 1; one that is flat beside the epoch's others stays near 0.

    Parameters
    ----------
    epochs : Tensor, shape (n_epochs, n_channels, n_times)

    Returns
    -------
    Tensor, shape (n_epochs, n_channels, n_times)
    """
    centered = epochs - epochs.mean(2, keepdim=True)
    power = torch.linalg.vector_norm(centered, dim=2, keepdim=True).square() / epochs.shape[2]
    floor = FLAT * power.mean(1, keepdim=True) + torch.finfo(power.dtype).tiny
    return centered * torch.rsqrt(power + floor)
