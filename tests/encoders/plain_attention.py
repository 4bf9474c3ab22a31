"""Attention between channels, its equations written out, in front of the plain TSConv."""

import torch
from torch import nn
from torch.nn.functional import leaky_relu

from tests.encoders.plain import PlainTSConv


class PlainAttention(nn.Module):
    """Attention on the epochs as they are, then the plain TSConv. Holds the parameters of the encoder it mirrors."""

    def __init__(self, encoder):
        super().__init__()
        self.tsconv = PlainTSConv(encoder.tsconv.n_channels)
        self.tsconv.load_state_dict(encoder.tsconv.state_dict())
        self.double()
        self.rate = encoder.attention_dropout.p
        for name, parameter in encoder.named_parameters():
            if not name.startswith("tsconv."):
                self.register_parameter(name.replace(".", "_"), nn.Parameter(parameter.detach().double()))

    def forward(self, epochs):
        weights, values = self.attend(epochs)
        weights = nn.functional.dropout(weights, self.rate, self.training)
        return self.tsconv(epochs + torch.einsum("ncj,njt->nct", weights, values))


class PlainSelfAttention(PlainAttention):
    """Queries and keys of standardised time courses."""

    def attend(self, epochs):
        tokens = (epochs - epochs.mean(2, keepdim=True)) / epochs.std(2, keepdim=True, correction=0)
        query = torch.einsum("nct,dt->ncd", tokens, self.query_weight) + self.query_bias
        key = torch.einsum("nct,dt->ncd", tokens, self.key_weight)
        return torch.softmax(torch.einsum("ncd,njd->ncj", query, key) / 32**0.5, dim=2), epochs


class PlainGraphAttention(PlainAttention):
    """Every pair of channels is laid side by side."""

    def attend(self, epochs):
        n_channels, scale = epochs.shape[1], epochs.square().mean((1, 2), keepdim=True).sqrt()
        nodes = torch.einsum("nct,st->ncs", epochs / scale, self.weight)
        pairs = torch.cat(
            [
                nodes[:, :, None].expand(-1, -1, n_channels, -1),
                nodes[:, None, :].expand(-1, n_channels, -1, -1),
            ],
            dim=3,
        )
        scores = leaky_relu(pairs @ torch.cat([self.receiver, self.sender]), 0.2).squeeze(3)
        return torch.softmax(scores, dim=2), scale * nodes
