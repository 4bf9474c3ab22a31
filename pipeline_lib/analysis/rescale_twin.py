"""The same model written so that Captum's DeepLift sees it: every nonlinearity a module of its own.

DeepLift replaces slopes at modules that it knows, ELU and GELU here. The encoders call functions, in an order made for
speed (:mod:`pipeline_lib.encoders.tsconv`), and would be taken for linear. Layer normalisation at the end of a head
divides each embedding by a number, its deviation: held at the response's own, as the embedding's length is, the
normalisation is linear, and goes into the direction along which the score is taken.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from pipeline_lib.encoders.flat import FlatEncoder
from pipeline_lib.encoders.head import ProjectionHead
from pipeline_lib.encoders.tsconv import STRIDE, TSConv
from pipeline_lib.training.base import Model


def why_no_twin(model: Model) -> str:
    """Why DeepLift cannot explain a model; empty where it can."""
    if isinstance(model.encoder, TSConv | FlatEncoder):
        return ""
    return (
        "DeepLIFT has no rule for attention, a product of two things that depend on the response; "
        "set analysis.attribution.method: integrated-gradients"
    )


class RescaleTwin(nn.Module):
    """Encoder and brain head of a trained model, up to the head's normalisation.

    Parameters
    ----------
    model : Model
        An alignment model with encoder tsconv or flat, in evaluation mode; its weights are used, not copied.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.encoder, self.head = model.encoder, model.brain_head
        self.after_time, self.after_space, self.in_head = nn.ELU(), nn.ELU(), nn.GELU()

    def forward(self, responses: Tensor, directions: Tensor) -> Tensor:
        """Scores of responses of shape (n, n_channels, n_times), along directions of :meth:`before_norm`."""
        return (self.embed(responses) * directions).sum(1)

    def embed(self, responses: Tensor) -> Tensor:
        """Embeddings before the head's normalisation, shape (n, dim)."""
        prepared = self.encoder.prepare(responses)
        features = self._tsconv(prepared) if isinstance(self.encoder, TSConv) else self.encoder(prepared)
        if not isinstance(self.head, ProjectionHead):
            return self.head(features)
        x = self.head.linear(features)
        # A tensor of GELU's own: Captum replaces the gradient of what a module takes, the detour's beside it included.
        return x + self.head.residual(self.in_head(x.clone()))

    @torch.no_grad()
    def before_norm(self, responses: Tensor, directions: Tensor) -> Tensor:
        """Directions in the space behind the head, as directions before its normalisation: (γ d − mean of it) / sd."""
        if not isinstance(self.head, ProjectionHead):
            return directions
        norm, embedded = self.head.norm, self.embed(responses)
        scaled = norm.weight * directions * torch.rsqrt(embedded.var(1, correction=0, keepdim=True) + norm.eps)
        return scaled - scaled.mean(1, keepdim=True)

    def _tsconv(self, means: Tensor) -> Tensor:
        """As published, on moving means: the strides of the mean become those of the convolution."""
        net = self.encoder
        in_time = conv2d(means.unsqueeze(1), net.temporal.weight, net.temporal.bias, stride=(1, STRIDE))
        in_space = net.spatial(self.after_time(net.temporal_norm(in_time)))
        maps = net.projection(self.after_space(net.spatial_norm(in_space)))
        return maps.squeeze(2).transpose(1, 2).flatten(1)
