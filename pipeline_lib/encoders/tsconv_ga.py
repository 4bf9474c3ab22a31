"""TSConv behind graph attention over channels (NICE-GA; HMAVD-63-GA).

Channels are the nodes of a complete graph, each joined to itself too; h_i = x_i / s are their time courses, s the
epoch's root mean square over channels and samples:

    e_ij = LeakyReLU(aᵀ [W h_i ‖ W h_j])          slope 0.2, W (n_times × n_times), a (2 n_times)
    A_ij = exp(e_ij) / Σ_k exp(e_ik)
    x'_i = x_i + s Σ_j Dropout(A)_ij W h_j

The division by s makes attention independent of the unit of the data, and x' scale with x. The released NICE-GA lays
the graph over the first epoch of a batch only and leaves the others without neighbours; here every epoch has its own.

Two products are never written out: aᵀ [W h_i ‖ W h_j] is (Wᵀ a₁)ᵀ h_i + (Wᵀ a₂)ᵀ h_j, and the moving mean of W x is
(M W) x with the moving mean M taken of W's rows, once per step instead of once per channel and epoch.

Sources: Song et al., Decoding natural images from EEG for object recognition, ICLR 2024; Veličković et al., Graph
attention networks, ICLR 2018 (equations 1 to 4, one head, starting values after Glorot).
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from pipeline_lib.encoders.channel_attention import ChannelAttention
from pipeline_lib.encoders.moving_mean import moving_mean

SLOPE = 0.2


class GraphAttentionTSConv(ChannelAttention):
    """Additive attention between channels, then TSConv; parameters are :class:`ChannelAttention`'s."""

    def __init__(self, n_channels: int, n_times: int, dropout: float, attention_dropout: float) -> None:
        super().__init__(n_channels, n_times, dropout, attention_dropout)
        self.weight = nn.Parameter(torch.empty(n_times, n_times))
        self.receiver = nn.Parameter(torch.empty(n_times, 1))
        self.sender = nn.Parameter(torch.empty(n_times, 1))
        for parameter in self.parameters(recurse=False):
            nn.init.xavier_normal_(parameter)

    def attention(self, epochs: Tensor) -> Tensor:
        """Weights from what each pair of channels scores, shape (n_epochs, n_channels, n_channels)."""
        to_scores = self.weight.T @ torch.cat([self.receiver, self.sender], dim=1)
        receiving, sending = (epochs @ to_scores / root_mean_square(epochs)).unbind(2)
        scores = leaky_relu(receiving[:, :, None] + sending[:, None, :], SLOPE)
        return torch.softmax(scores, dim=2)

    def averaged_values(self, epochs: Tensor, means: Tensor) -> Tensor:
        """Moving means of W x."""
        return epochs @ moving_mean(self.weight.T)


def root_mean_square(epochs: Tensor) -> Tensor:
    """Of each epoch over channels and samples, shape (n_epochs, 1, 1); positive also where all samples are 0."""
    norm = torch.linalg.vector_norm(epochs, dim=(1, 2), keepdim=True)
    return norm.clamp_min(torch.finfo(norm.dtype).tiny) / (epochs.shape[1] * epochs.shape[2]) ** 0.5
