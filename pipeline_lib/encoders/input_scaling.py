"""Vectors on a common scale before an autoencoder, where wanted on their first principal components."""

import torch
from torch import Tensor, nn


class InputScaling(nn.Module):
    """y = P (x − μ) / s, with the mean μ, the principal axes P and one number s taken from training vectors.

    s is the root mean square of P (x − μ) over items and dimensions, so that a likelihood of fixed deviation means the
    same for every modality, while strong dimensions stay strong. P is left out where there is no number of components.

    Parameters
    ----------
    dim : int
        Width of x.
    n_components : int, optional
        Axes of largest variance that are kept, at most `dim`. Defaults to all of x as it is.

    Attributes
    ----------
    width : int
        Of y.
    """

    def __init__(self, dim: int, n_components: int | None = None) -> None:
        super().__init__()
        self.width = dim if n_components is None else min(n_components, dim)
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("axes", None if n_components is None else torch.eye(dim)[: self.width])
        self.register_buffer("scale", torch.ones(()))

    def fit(self, vectors: Tensor) -> None:
        """Take all three from training vectors of shape (n_items, dim); in float64 where there are axes."""
        precise = vectors.float() if self.axes is None else vectors.double()
        variance, mean = torch.var_mean(precise, dim=0, correction=0)
        self.mean.copy_(mean)
        if self.axes is not None:
            # On the CPU, whose axes do not change with the device.
            values, axes = torch.linalg.eigh(torch.cov(precise.T.cpu(), correction=0).reshape(len(mean), -1))
            self.axes.copy_(_signed(axes.T.flip(0)[: self.width]))
            variance = values.flip(0)[: self.width]
        self.scale.copy_(variance.mean().sqrt().clamp_min(1e-6))

    def forward(self, vectors: Tensor) -> Tensor:
        """Scale vectors of shape (n_items, dim); shape (n_items, width)."""
        centred = vectors.to(self.mean.dtype) - self.mean
        return (centred if self.axes is None else centred @ self.axes.T) / self.scale


def _signed(axes: Tensor) -> Tensor:
    """The same axes, each with its largest entry positive: eigenvectors leave the sign open."""
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    return axes * largest.sign()
