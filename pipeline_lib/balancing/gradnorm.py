"""GradNorm: all objectives are to pull equally hard, those that lag behind a little harder."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pipeline_lib.balancing.base import Balancer
from pipeline_lib.balancing.gradients import gradients_of, join, norms_of
from pipeline_lib.objectives.normalize import Embeddings

SMALLEST = 1e-3


class GradNorm(Balancer):
    """L = Σ_k w_k L_k, and after each step w ← w − η ∂/∂w Σ_k |w_k g_k − Ḡ r_k^α|, then w ← K w / Σ_k w_k.

    g_k is the norm of ∂L_k/∂θ, Ḡ the mean of w_k g_k, and r_k how far the objective lags: L_k / L_k(first step),
    divided by its mean over k. The target Ḡ r_k^α is a constant to the gradient; η is ``loss.gradnorm.learning_rate``
    and α ``loss.gradnorm.alpha``. Chen, Badrinarayanan, Lee and Rabinovich, "GradNorm: gradient normalization for
    adaptive loss balancing in deep multitask networks", ICML 2018, equations 1 and 2.

    Readings: θ are all learnable parameters (the paper takes the last layer that all tasks share; here there is none);
    a weight stays above 0.001, which the formula does not see to.
    """

    weights: Tensor | None = None
    first_losses: Tensor | None = None

    def fill_gradients(self, losses: list[Tensor], embeddings: Embeddings) -> dict[str, Tensor]:
        """Gradients of the weighted sum; the weights that follow from them are the next step's."""
        values, weights = torch.stack(losses).detach(), self.weights
        if weights is None:
            weights, self.first_losses = torch.ones_like(values), values
        gradients = gradients_of(losses, self.parameters, keep_graph=False)
        norms = norms_of(gradients, like=losses[0])
        join(self.parameters, gradients, weights)
        params = self.params.gradnorm
        rate = relative_rate(values, self.first_losses)
        self.weights = next_weights(weights, norms, rate, alpha=params.alpha, learning_rate=params.learning_rate)
        return self.named("weight", weights) | self.named("grad_norm", norms)

    def state_dict(self) -> dict[str, Any]:
        """Also the weights of the next step and the losses of the first."""
        return super().state_dict() | {"weights": self.weights, "first_losses": self.first_losses}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a state that :meth:`state_dict` gave."""
        super().load_state_dict(state)
        self.weights, self.first_losses = state["weights"], state["first_losses"]


def relative_rate(losses: Tensor, first: Tensor) -> Tensor:
    """r_k: what is left of each loss, divided by the mean of that; 1 for all where nothing can be said.

    Parameters
    ----------
    losses, first : Tensor, shape (n_objectives,)
        Now and at the first step; what is left of a loss that was not positive counts as 1.
    """
    left = torch.where(first > 0, losses / first, 1).clamp(min=0)
    mean = left.mean()
    return torch.where(mean > 0, left / mean, 1)


def next_weights(weights: Tensor, norms: Tensor, rate: Tensor, *, alpha: float, learning_rate: float) -> Tensor:
    """One step of gradient descent on Σ_k |w_k g_k − Ḡ r_k^α|, then a sum of K; all of shape (n_objectives,)."""
    pull = weights * norms
    slope = norms * torch.sign(pull - pull.mean() * rate**alpha)
    stepped = (weights - learning_rate * slope).clamp(min=SMALLEST)
    return len(stepped) * stepped / stepped.sum()
