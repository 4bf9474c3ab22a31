"""Uncertainty weighting: an objective that stays high is taken for a noisy one, and weighs less."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pipeline_lib.balancing.scalarized import Scalarized
from pipeline_lib.objectives.params import LossParams

if TYPE_CHECKING:
    from torchjd.scalarization import Scalarizer


class Uncertainty(Scalarized):
    """S = Σ_k (½ exp(−s_k) L_k + ½ s_k), with log variances s_k = log σ_k² that are learned, from 0 on.

    Kendall, Gal and Cipolla, "Multi-task learning using uncertainty to weigh losses for scene geometry and semantics",
    CVPR 2018. For losses that stand still, s_k goes to log L_k, that is, every weighted loss to ½.
    """

    def __init__(
        self,
        params: LossParams,
        objectives: Sequence[str],
        branches: Mapping[str, Sequence[nn.Parameter]],
        heads: Sequence[nn.Parameter] = (),
    ) -> None:
        from torchjd.scalarization import UW

        super().__init__(params, objectives, branches, heads)
        self._scalarizer = UW(len(self.objectives)).to(self.parameters[0])
        self.learned = list(self._scalarizer.parameters())

    def scalarizer(self, losses: Tensor) -> "Scalarizer":
        """The one with the learned log variances."""
        return self._scalarizer

    def state_dict(self) -> dict[str, Any]:
        """Also the log variances."""
        return super().state_dict() | {"log_variances": self.learned[0].detach().clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a state that :meth:`state_dict` gave; the parameters that the optimiser knows stay the same ones."""
        super().load_state_dict(state)
        with torch.no_grad():
            self.learned[0].copy_(state["log_variances"])
