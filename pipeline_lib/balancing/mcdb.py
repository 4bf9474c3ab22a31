"""Modal consistency dynamic balance (MCDB): hold back the modality that the brain already agrees with (HMAVD)."""

from collections import Counter
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from pipeline_lib.balancing.static import Static
from pipeline_lib.objectives.normalize import Embeddings


class Mcdb(Static):
    """Static weights, with the gradients of each modality's own parameters scaled by κ_m (HMAVD, equations 9-15).

    ``loss.mcdb.contribution`` picks the reading of equation 11, see :func:`contributions`. ``loss.mcdb.apply`` says
    what κ scales: the ``gradient``, as printed, or the optimiser's ``update``, which is what the text wants: Adam
    divides a constant factor on the gradient out again. κ of the brain and of shared parameters is 1. Equation 15
    prints κ a second time; once is meant.
    """

    kappa: Mapping[str, Tensor] = {}

    def fill_gradients(self, losses: list[Tensor], embeddings: Embeddings) -> dict[str, Tensor]:
        """Gradients of the statically weighted sum, modulated by κ."""
        record = super().fill_gradients(losses, embeddings)
        params = self.params.mcdb
        rho = imbalance(contributions(embeddings, params.contribution), params.epsilon)
        self.kappa = {name: modulation(value, params.gamma) for name, value in rho.items()}
        if params.apply == "gradient":
            self._scale_gradients()
        kappa = {f"kappa/{name}": value for name, value in self.kappa.items()}
        return record | kappa | {f"rho/{name}": value for name, value in rho.items()}

    def step_scale(self, branch: str) -> Tensor | float:
        """κ of the last batch where κ scales the update, else 1."""
        return self.kappa.get(branch, 1.0) if self.params.mcdb.apply == "update" else 1.0

    def _scale_gradients(self) -> None:
        uses = Counter(p for branch in self.branches.values() for p in set(branch))
        for name, kappa in self.kappa.items():
            for parameter in self.branches.get(name, ()):
                if uses[parameter] == 1 and parameter.grad is not None:
                    parameter.grad.mul_(kappa)


@torch.no_grad()
def contributions(embeddings: Embeddings, reading: Literal["matched", "literal"]) -> dict[str, Tensor]:
    """‖s_m‖₁ of image and, where there is one, text, from S = softmax_row(brain f_mᵀ / τ) (equations 10 and 11).

    Parameters
    ----------
    embeddings : Embeddings
    reading : {"matched", "literal"}
        ``"matched"`` takes the diagonal of S for s: how much of each item's softmax falls on its own pair.
        ``"literal"`` sums all columns, as printed: every row of a softmax sums to 1, so ‖s‖₁ is the batch size for
        every modality, ρ is just below 1, and κ is 1 always.
    """
    result = {}
    for name in ("image", "text"):
        target = getattr(embeddings, name)
        if target is not None:
            share = torch.softmax(embeddings.logit_scale * (embeddings.brain @ target.T), dim=1)
            result[name] = (share.diagonal() if reading == "matched" else share.sum(1)).abs().sum()
    return result


def imbalance(contribution: Mapping[str, Tensor], epsilon: float) -> dict[str, Tensor]:
    """ρ_m = ‖s_m‖₁ / (Σ_{n≠m} ‖s_n‖₁ + ε) (equation 12); 1, which is balance, for a modality without a rival."""
    if len(contribution) == 1:
        return {name: torch.ones_like(value) for name, value in contribution.items()}
    rivals = {name: sum(v for n, v in contribution.items() if n != name) for name in contribution}
    return {name: value / (rivals[name] + epsilon) for name, value in contribution.items()}


def modulation(rho: Tensor, gamma: float) -> Tensor:
    """κ = 1 − tanh(γ (ρ − 1)) where ρ > 1, else 1 (equation 13)."""
    return 1 - torch.tanh(gamma * (rho - 1).clamp(min=0))
