"""Static weights: each objective has the same say from the first step to the last."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from pipeline_lib.balancing.base import Balancer
from pipeline_lib.balancing.gradients import gradients_of, join, norms_of, weighted_backward
from pipeline_lib.objectives.normalize import Embeddings


class Static(Balancer):
    """L = Σ_k w_k L_k with w as ``loss.static.weights`` gives it, 1 / n_objectives each by default.

    This is what "without DLA" means here; NeuroAlign does not say what its ablation used. One backward pass a step,
    and every ``loss.norms_every`` steps one per objective, to log their gradient norms.
    """

    norms: Tensor | None = None

    def fill_gradients(self, losses: list[Tensor], embeddings: Embeddings) -> dict[str, Tensor]:
        """Gradients of the weighted sum."""
        weights = self.weights_of(losses)
        every = self.params.norms_every
        if every and self.steps % every == 0:
            gradients = gradients_of(losses, self.parameters, keep_graph=False)
            self.norms = norms_of(gradients, like=losses[0])
            join(self.parameters, gradients, weights)
        else:
            weighted_backward(self.parameters, losses, weights)
        norms = {} if self.norms is None else self.named("grad_norm", self.norms)
        return self.named("weight", weights) | norms

    def state_dict(self) -> dict[str, Any]:
        """Steps so far and the norms measured last."""
        return super().state_dict() | {"norms": self.norms}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a state that :meth:`state_dict` gave."""
        super().load_state_dict(state)
        self.norms = state["norms"]

    def weights_of(self, losses: list[Tensor]) -> Tensor:
        """The weights of this step, shape (n_objectives,), constants to the gradient."""
        count = len(self.objectives)
        return losses[0].new_tensor(self.params.static.weights or [1 / count] * count)
