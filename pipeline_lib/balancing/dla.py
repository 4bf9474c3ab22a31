"""Dynamic loss adjustment (DLA): the objective whose gradient is large, and changing, gets the say (NeuroAlign)."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pipeline_lib.balancing.base import Balancer
from pipeline_lib.balancing.cut import cut_below
from pipeline_lib.balancing.gradients import Gradients, gradients_of, join, norms_of, weighted_backward
from pipeline_lib.objectives.normalize import Embeddings
from pipeline_lib.objectives.params import LossParams


class Dla(Balancer):
    """L = Σ_k w_k L_k with w from :func:`dla_weights`, which are constants to the gradient (NeuroAlign, eqs. 7-9).

    ``loss.dla.scope`` says where g_k, the norm of ∂L_k/∂θ, is taken: over ``all`` learnable parameters that L_k
    reaches, or over the projection ``heads`` only, which is cheap: one backward pass per objective down to the heads,
    then a single one, of the weighted sum, through the encoder. Either way the gradients are joined, Σ_k w_k ∇L_k, and
    none is computed twice. Between updates, ``loss.dla.every`` steps apart, the weights stand still.
    """

    def __init__(
        self,
        params: LossParams,
        objectives: Sequence[str],
        branches: Mapping[str, Sequence[nn.Parameter]],
        heads: Sequence[nn.Parameter] = (),
    ) -> None:
        super().__init__(params, objectives, branches, heads)
        if params.dla.scope == "heads" and not self.heads:
            raise ValueError("loss.dla.scope is 'heads', but no learnable parameters of projection heads were given")
        self.norms: Tensor | None = None
        self.weights: Tensor | None = None

    def fill_gradients(self, losses: list[Tensor], embeddings: Embeddings) -> dict[str, Tensor]:
        """Gradients of the weighted sum, after an update of the weights where one is due."""
        if self.steps % self.params.dla.every:
            weighted_backward(self.parameters, losses, self.weights)
        elif self.params.dla.scope == "heads":
            cut = cut_below(self.heads, losses, self.parameters)
            gradients = cut.gradients_of(losses)
            self._update([of_loss[: len(self.heads)] for of_loss in gradients], losses[0])
            cut.join(self.parameters, gradients, self.weights)
        else:
            gradients = gradients_of(losses, self.parameters, keep_graph=False)
            self._update(gradients, losses[0])
            join(self.parameters, gradients, self.weights)
        return self.named("weight", self.weights) | self.named("grad_norm", self.norms)

    def state_dict(self) -> dict[str, Any]:
        """Steps so far, the norms measured last, and the weights that followed."""
        return super().state_dict() | {"norms": self.norms, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a state that :meth:`state_dict` gave."""
        super().load_state_dict(state)
        self.norms, self.weights = state["norms"], state["weights"]

    def _update(self, gradients: list[Gradients], like: Tensor) -> None:
        """Measure, and set the weights."""
        params, norms = self.params.dla, norms_of(gradients, like=like)
        self.weights = dla_weights(
            norms, self.norms, temperature=params.temperature, epsilon=params.epsilon, normalize=params.normalize
        )
        self.norms = norms


def dla_weights(
    norms: Tensor,
    previous: Tensor | None,
    *,
    temperature: float,
    epsilon: float,
    normalize: Literal["none", "sum"],
) -> Tensor:
    """softmax_k(g_k (1 + r_k) / T) with r_k = |g_k − g_k'| / (g_k' + ε) (NeuroAlign, equations 8 and 9).

    Parameters
    ----------
    norms, previous : Tensor, shape (n_objectives,)
        g_k now and at the last update. With no previous ones, at the first step, r is 0.
    temperature : float
        T. At the paper's 0.07 on raw norms the weights are nearly one-hot and jump.
    epsilon : float
    normalize : {"none", "sum"}
        ``"none"`` as printed. ``"sum"`` divides the terms g_k (1 + r_k) by their sum first.

    Returns
    -------
    Tensor, shape (n_objectives,)
        Positive, with sum 1.
    """
    rate = torch.zeros_like(norms) if previous is None else (norms - previous).abs() / (previous + epsilon)
    urgency = norms * (1 + rate)
    if normalize == "sum":
        urgency = urgency / urgency.sum().clamp(min=epsilon)
    return torch.softmax(urgency / temperature, dim=0)
