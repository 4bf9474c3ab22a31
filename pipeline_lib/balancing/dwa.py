"""Dynamic weight average (DWA): the objective that falls slowest gets the most weight."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from pipeline_lib.balancing.scalarized import Scalarized

if TYPE_CHECKING:
    from torchjd.scalarization import Scalarizer


class Dwa(Scalarized):
    """L = Σ_k w_k L_k with w = K softmax_k(r_k / T), r_k = L̄_k(t−1) / L̄_k(t−2).

    K objectives, L̄_k(t) the mean of L_k over epoch t, T ``loss.dwa.temperature``. In the first two epochs every weight
    is 1. Liu, Johns and Davison, "End-to-end multi-task learning with attention", CVPR 2019, equation 7.
    """

    averages: list[list[float]] = []
    """L̄ of the last two epochs, the older one first, in the objectives' order."""

    def scalarizer(self, losses: Tensor) -> "Scalarizer":
        """One that has seen the last two epochs."""
        from torchjd.scalarization import DWA

        result = DWA(self.params.dwa.temperature)
        for average in self.averages:
            result(losses.new_tensor(average))
            result.step()
        return result

    def end_epoch(self, row: Mapping[str, float]) -> None:
        """Remember the epoch's mean losses."""
        self.averages = [*self.averages, [row[f"train/{name}"] for name in self.objectives]][-2:]

    def state_dict(self) -> dict[str, Any]:
        """Also the last two epochs' mean losses."""
        return super().state_dict() | {"averages": self.averages}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a state that :meth:`state_dict` gave."""
        super().load_state_dict(state)
        self.averages = state["averages"]
