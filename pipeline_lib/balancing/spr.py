"""Stochastic perturbation regularization (SPR): annealed Gaussian noise on the gradients (HMAVD)."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pipeline_lib.objectives.balancer_params import SprParams


class GradientNoise:
    """Add h ~ N(0, σ_t² I) to the gradients before the optimiser's moments see them (HMAVD, equations 16-20).

    σ_t = σ_max (1 − t / T)^β. With ``loss.spr.relative``, σ_t is in units of each tensor's gradient standard
    deviation (a reading: σ_max is not given, and an absolute 1e-3 already exceeds the initial gradients of the largest
    tensors); a tensor of one element has none and stays as it is. Combines with any balancer.

    Parameters
    ----------
    params : SprParams
    total_steps : int
        T, the training steps in all.
    generator : torch.Generator
        Where the noise is drawn from.
    """

    def __init__(self, params: SprParams, total_steps: int, generator: torch.Generator) -> None:
        if total_steps < 1:
            raise ValueError(f"total_steps must be at least 1, got {total_steps}")
        self.params, self.total_steps, self.generator = params, total_steps, generator

    def sigma(self, step: int) -> float:
        """σ_t of step t = 0, 1, …; 0 from step T on."""
        left = max(0.0, 1 - step / self.total_steps)
        return self.params.sigma_max * left**self.params.beta if left else 0.0

    def apply(self, step: int, parameters: Iterable[nn.Parameter]) -> None:
        """Add noise in place to every gradient there is. Does nothing where ``loss.spr.enabled`` is false."""
        sigma = self.sigma(step)
        if not self.params.enabled or not sigma:
            return
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad.add_(self._noise(parameter.grad).mul_(sigma))

    def state_dict(self) -> dict[str, Any]:
        """The generator's state."""
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a state that :meth:`state_dict` gave."""
        self.generator.set_state(state["generator"].cpu())

    def _noise(self, gradient: Tensor) -> Tensor:
        """Standard normal noise, or noise with the deviation of `gradient`."""
        device = self.generator.device
        noise = torch.randn(gradient.shape, generator=self.generator, device=device, dtype=gradient.dtype)
        noise = noise.to(gradient.device)
        return noise.mul_(gradient.std(correction=0)) if self.params.relative else noise
