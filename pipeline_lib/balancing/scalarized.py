"""Weights from the losses' values alone, by a scalarizer of the TorchJD library."""

from abc import abstractmethod
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pipeline_lib.balancing.static import Static

if TYPE_CHECKING:
    from torchjd.scalarization import Scalarizer


class Scalarized(Static):
    """A scalarizer makes one number of the losses, S(L_1, …, L_K); the weights are its slopes, w_k = ∂S/∂L_k.

    So the gradient is that of S, the cost that of static weights, and the scalarizer's own parameters learn from S.
    """

    @abstractmethod
    def scalarizer(self, losses: Tensor) -> "Scalarizer":
        """The scalarizer for losses of shape (n_objectives,)."""

    def weights_of(self, losses: list[Tensor]) -> Tensor:
        """The slopes of S; sets the gradients of :attr:`learned`."""
        values = torch.stack(losses).detach().requires_grad_()
        total = self.scalarizer(values)(values)
        weights, *gradients = torch.autograd.grad(total, [values, *self.learned])
        for parameter, gradient in zip(self.learned, gradients, strict=True):
            parameter.grad = gradient
        return weights
