"""The methods that TorchJD computes, one class each; :class:`Aggregated` does the rest.

In the formulas, g_k is the gradient of objective k of K, g_0 their mean, G_kl = g_k · g_l, and g the result.
"""

import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pipeline_lib.balancing.aggregated import Aggregated
from pipeline_lib.common.errors import InputError

if TYPE_CHECKING:
    from torchjd.aggregation import Weighting


class PcGrad(Aggregated):
    """g = Σ_k ĝ_k, where ĝ_k is g_k less its part along each g_l that it conflicts with, l in random order.

    Yu et al., "Gradient surgery for multi-task learning", NeurIPS 2020, Algorithm 1. The order is drawn from the number
    of the step: the same in every process and after a resume, and no other draw is moved by it.
    """

    def build(self) -> "Weighting":
        from torchjd.aggregation import PCGradWeighting

        return PCGradWeighting()

    def weights_of(self, gramian: Tensor) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.steps)
            return super().weights_of(gramian)


class CaGrad(Aggregated):
    """g = argmax_d min_k g_k · d over ‖d − g_0‖ ≤ c ‖g_0‖, c ``loss.cagrad.c``; 0 is the mean gradient.

    Liu et al., "Conflict-averse gradient descent for multi-task learning", NeurIPS 2021, Algorithm 1.
    """

    def build(self) -> "Weighting":
        from torchjd.aggregation import CAGradWeighting

        return CAGradWeighting(c=self.params.cagrad.c)


class Mgda(Aggregated):
    """The shortest g = Σ_k w_k g_k with w_k ≥ 0 and Σ_k w_k = 1: no objective gets worse, and 0 where none can gain.

    Désidéri, "Multiple-gradient descent algorithm (MGDA) for multiobjective optimization", 2012; by the Frank-Wolfe
    steps of Sener and Koltun, "Multi-task learning as multi-objective optimization", NeurIPS 2018, Algorithm 2.
    """

    def build(self) -> "Weighting":
        from torchjd.aggregation import MGDAWeighting

        return MGDAWeighting()


class UpGrad(Aggregated):
    """g = 1/K Σ_k π(g_k), with π the projection onto the directions d that no objective minds, g_l · d ≥ 0 for all l.

    Quinton and Rey, "Jacobian descent for multi-objective optimization", 2024.
    """

    def build(self) -> "Weighting":
        from torchjd.aggregation import UPGradWeighting

        return UPGradWeighting()


class DualProj(Aggregated):
    """g = π(g_0), π as in :class:`UpGrad`.

    Lopez-Paz and Ranzato, "Gradient episodic memory for continual learning", NeurIPS 2017, equation 11.
    """

    def build(self) -> "Weighting":
        from torchjd.aggregation import DualProjWeighting

        return DualProjWeighting()


class ImtlG(Aggregated):
    """g = Σ_k w_k g_k with Σ_k w_k = 1 and the same projection onto every g_k / ‖g_k‖; weights may be negative.

    Liu et al., "Towards impartial multi-task learning", ICLR 2021.
    """

    def build(self) -> "Weighting":
        from torchjd.aggregation import IMTLGWeighting

        return IMTLGWeighting()


class AlignedMtl(Aggregated):
    """g = mean of the rows of J after all its singular values are brought to one, σ, its singular vectors kept.

    σ is the smallest of them, or as ``loss.aligned_mtl.scale`` says. Senushkin et al., "Independent component alignment
    for multi-task learning", CVPR 2023, Algorithm 1.
    """

    def build(self) -> "Weighting":
        from torchjd.aggregation import AlignedMTLWeighting

        return AlignedMTLWeighting(scale_mode=self.params.aligned_mtl.scale)


class FairGrad(Aggregated):
    """g = Σ_k w_k g_k with (G w)_k = w_k^(−1/α), α ``loss.fairgrad.alpha``: α-fair gains for all objectives.

    Ban and Ji, "Fair resource allocation in multi-task learning", ICML 2024, equation 4. At α = 1 this is the bargain
    of :class:`NashMtl`.
    """

    invariant = False

    def build(self) -> "Weighting":
        from torchjd.aggregation import FairGradWeighting

        return FairGradWeighting(alpha=self.params.fairgrad.alpha)


def check_solver() -> None:
    """Look whether the solver of :class:`NashMtl` is installed.

    Raises
    ------
    InputError
        If it is not.
    """
    if find_spec("ecos") is None:
        raise InputError(
            "loss.balancer is 'nash-mtl', whose solver ecos is not installed; run pip install 'trialign[nash-mtl]' "
            "or set loss.balancer: fairgrad with loss.fairgrad.alpha: 1"
        )


class NashMtl(Aggregated):
    """g = Σ_k w_k g_k with (G w)_k ∝ 1 / w_k: the Nash bargain; not longer than ``loss.nash_mtl.max_norm``.

    Navon et al., "Multi-task learning as a bargaining game", ICML 2022, Algorithm 1. Each step's search starts from the
    weights of the last one, which stand where it finds none. :class:`FairGrad` at α = 1 always found that bargain in
    our tests; this one is for comparison. The solver ECOS is an extra, as not every Python has it.

    Raises
    ------
    InputError
        As :func:`check_solver` does.
    """

    invariant = False

    def build(self) -> "Weighting":
        check_solver()
        from torchjd.aggregation import NashMTL

        return NashMTL(len(self.objectives), max_norm=self.params.nash_mtl.max_norm).weighting

    def weights_of(self, gramian: Tensor) -> Tensor:
        if len(gramian) == 1:  # nobody to bargain with; the library's problem takes two
            return torch.ones(1)
        self._expect(len(gramian))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*not DPP")
            return self.weighting(square_root(gramian))

    def state_dict(self) -> dict[str, Any]:
        """Also the weights that the next search starts from."""
        return super().state_dict() | {"start": torch.as_tensor(self.weighting.prvs_alpha).clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a state that :meth:`state_dict` gave."""
        super().load_state_dict(state)
        self._expect(len(state["start"]))
        self.weighting.prvs_alpha = state["start"].cpu().numpy()

    def _expect(self, count: int) -> None:
        """Search anew when the number of objectives that have a gradient changes."""
        if count != self.weighting.n_tasks:
            self.weighting.n_tasks = count
            self.weighting.reset()


def square_root(gramian: Tensor) -> Tensor:
    """R with R Rᵀ = G: to a method that looks at inner products only, as good as the Jacobian itself."""
    values, vectors = torch.linalg.eigh(gramian)
    return vectors * values.clamp(min=0).sqrt()
