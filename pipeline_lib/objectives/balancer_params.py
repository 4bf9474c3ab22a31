"""Section `loss` of params.yaml: what balancers, and the noise that goes with any of them, are told."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline_lib.common.params import Section

BalancerName = Literal[
    "static",
    "dla",
    "mcdb",
    "uncertainty",
    "dwa",
    "gradnorm",
    "pcgrad",
    "cagrad",
    "mgda",
    "upgrad",
    "dualproj",
    "imtl-g",
    "aligned-mtl",
    "fairgrad",
    "nash-mtl",
]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class StaticParams(Section):
    """Given weights, one per objective, which MCDB uses too; an empty list means equal shares."""

    weights: list[Weight]


class DlaParams(Section):
    """Dynamic loss adjustment, :mod:`pipeline_lib.balancing.dla`."""

    temperature: Positive
    epsilon: Positive
    scope: Literal["all", "heads"]
    every: int = Field(ge=1)
    normalize: Literal["none", "sum"]


class McdbParams(Section):
    """Modal consistency dynamic balance, :mod:`pipeline_lib.balancing.mcdb`."""

    gamma: Positive
    epsilon: Positive
    contribution: Literal["matched", "literal"]
    apply: Literal["gradient", "update"]


class SprParams(Section):
    """Stochastic perturbation regularization, :mod:`pipeline_lib.balancing.spr`."""

    enabled: bool
    relative: bool
    sigma_max: Weight
    beta: Weight


class DwaParams(Section):
    """Dynamic weight average, :mod:`pipeline_lib.balancing.dwa`."""

    temperature: Positive


class GradnormParams(Section):
    """GradNorm, :mod:`pipeline_lib.balancing.gradnorm`."""

    alpha: Weight
    learning_rate: Positive


class CagradParams(Section):
    """:class:`pipeline_lib.balancing.aggregators.Cagrad`."""

    c: Weight


class AlignedMtlParams(Section):
    """:class:`pipeline_lib.balancing.aggregators.AlignedMtl`."""

    scale: Literal["min", "median", "rmse"]


class FairgradParams(Section):
    """:class:`pipeline_lib.balancing.aggregators.Fairgrad`."""

    alpha: Weight


class NashMtlParams(Section):
    """:class:`pipeline_lib.balancing.aggregators.NashMtl`."""

    max_norm: Weight
