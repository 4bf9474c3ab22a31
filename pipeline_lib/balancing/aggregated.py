"""The bridge to TorchJD's weightings: weights from how the objectives' gradients lie to each other."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pipeline_lib.balancing.base import Balancer
from pipeline_lib.balancing.gradients import gradients_of, gramian_of, join
from pipeline_lib.objectives.normalize import Embeddings
from pipeline_lib.objectives.params import LossParams

if TYPE_CHECKING:
    from torchjd.aggregation import Weighting


class Aggregated(Balancer):
    """g = Σ_k w_k ∇L_k = Jᵀw, with w from G = J Jᵀ: J holds one gradient per row, over all learnable parameters.

    G has as many rows as there are objectives, so it goes to the CPU, and what solves for w costs little beside the
    backward pass per objective. An objective without any gradient has no say in the others' weights. TorchJD: Quinton
    and Rey, "Jacobian descent for multi-objective optimization", 2024.
    """

    invariant = True
    """Whether w stays when all losses are multiplied by one number. Such methods are given G divided by its mean
    diagonal: some take a G below 1e-4 for zero."""

    def __init__(
        self,
        params: LossParams,
        objectives: Sequence[str],
        branches: Mapping[str, Sequence[nn.Parameter]],
        heads: Sequence[nn.Parameter] = (),
    ) -> None:
        super().__init__(params, objectives, branches, heads)
        self.weighting = self.build()

    @abstractmethod
    def build(self) -> "Weighting":
        """The library's weighting, with its parameters."""

    def weights_of(self, gramian: Tensor) -> Tensor:
        """The weights for G of shape (n, n), on the CPU, finite, with a positive diagonal; shape (n,)."""
        return self.weighting(gramian)

    def fill_gradients(self, losses: list[Tensor], embeddings: Embeddings) -> dict[str, Tensor]:
        """The aggregate of the losses' gradients."""
        gradients = gradients_of(losses, self.parameters, keep_graph=False)
        gramian = gramian_of(gradients, like=losses[0])
        weights = self._weights(gramian.cpu()).to(losses[0])
        join(self.parameters, gradients, weights)
        return self.named("weight", weights) | self.named("grad_norm", gramian.diagonal().sqrt())

    def _weights(self, gramian: Tensor) -> Tensor:
        size = gramian.diagonal()
        weights = torch.zeros_like(size)
        if not gramian.isfinite().all():
            return weights + torch.nan  # the trainer says which loss it was; solvers would raise
        present = size > 0
        if present.any():
            gramian = gramian[present][:, present]
            scale = size[present].mean() if self.invariant else 1
            weights[present] = self.weights_of(gramian / scale).to(weights)
        return weights
