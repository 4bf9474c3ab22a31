"""From the parameters to a balancer. A new one is a file of its own, a line here, and its name in `BalancerName`."""

from collections.abc import Mapping, Sequence

from torch import nn

from pipeline_lib.balancing import aggregators
from pipeline_lib.balancing.base import Balancer
from pipeline_lib.balancing.dla import Dla
from pipeline_lib.balancing.dwa import Dwa
from pipeline_lib.balancing.gradnorm import GradNorm
from pipeline_lib.balancing.mcdb import Mcdb
from pipeline_lib.balancing.static import Static
from pipeline_lib.balancing.uncertainty import Uncertainty
from pipeline_lib.objectives.params import LossParams

BALANCERS: dict[str, type[Balancer]] = {
    "static": Static,
    "dla": Dla,
    "mcdb": Mcdb,
    "uncertainty": Uncertainty,
    "dwa": Dwa,
    "gradnorm": GradNorm,
    "pcgrad": aggregators.PcGrad,
    "cagrad": aggregators.CaGrad,
    "mgda": aggregators.Mgda,
    "upgrad": aggregators.UpGrad,
    "dualproj": aggregators.DualProj,
    "imtl-g": aggregators.ImtlG,
    "aligned-mtl": aggregators.AlignedMtl,
    "fairgrad": aggregators.FairGrad,
    "nash-mtl": aggregators.NashMtl,
}


def build_balancer(
    params: LossParams,
    objectives: Sequence[str],
    branches: Mapping[str, Sequence[nn.Parameter]],
    heads: Sequence[nn.Parameter] = (),
) -> Balancer:
    """Make the balancer that ``params.balancer`` names; the other arguments are those of :class:`Balancer`."""
    return BALANCERS[params.balancer](params, objectives, branches, heads)
