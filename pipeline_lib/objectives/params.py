"""Section `loss` of params.yaml: the objectives, and how a balancer shares the training signal among them."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from pipeline_lib.common.errors import listed
from pipeline_lib.common.params import Section
from pipeline_lib.objectives.balancer_params import (
    AlignedMtlParams,
    BalancerName,
    CagradParams,
    DlaParams,
    DwaParams,
    FairgradParams,
    GradnormParams,
    McdbParams,
    NashMtlParams,
    Positive,
    SprParams,
    StaticParams,
    Weight,
)

Objective = Literal[
    "brain-image",
    "image-text",
    "guidance",
    "brain-text",
    "consistency",
    "adapter-consistency",
    "elbo",
    "intra-information",
    "inter-information",
]
BRAVL_OBJECTIVES: tuple[Objective, ...] = ("elbo", "intra-information", "inter-information")


class SgaParams(Section):
    """Semantic guidance, :mod:`pipeline_lib.objectives.guidance`."""

    diagonal: Literal["softmax", "one"]
    reduction: Literal["mean", "sum"]
    teacher_grad: bool


class AdapterLossParams(Section):
    """The objective ``adapter-consistency``, HMAVD's L_r: what it is multiplied by, besides a balancer's weight."""

    consistency_weight: Weight


class LossParams(Section):
    """What training minimises.

    Attributes
    ----------
    objectives : list of Objective
        At least one, none twice; :func:`pipeline_lib.objectives.terms.objective_terms` says what each is,
        and :mod:`pipeline_lib.training.bravl_losses` what BraVL's are.
    balancer : BalancerName
        The names in :data:`pipeline_lib.balancing.build.BALANCERS`.
    temperature : float
        τ, where it starts.
    logit_scale : {"learned", "fixed", "softplus"}
        See :class:`pipeline_lib.objectives.logit_scale.LogitScale`.
    normalize : {"both", "image", "none"}
        Which embeddings get unit length, see :func:`pipeline_lib.objectives.normalize.embed`.
    positives : {"pair", "concept"}
        What counts as a match within a batch.
    target_grad : bool
        Whether ``brain-image`` and ``brain-text`` teach the image and text side too. Without, as in NICE-LLM, these
        are fixed targets for the brain, and learn from the other objectives only.
    norms_every : int
        Steps between measurements of each objective's gradient norm where the balancer itself needs none (static, MCDB,
        uncertainty and DWA); a measurement costs further backward passes. 0 means never.
    sga, adapter, static, dla, mcdb, spr, dwa, gradnorm, cagrad, aligned_mtl, fairgrad, nash_mtl
        The parts' own parameters.
    """

    objectives: list[Objective] = Field(min_length=1)
    balancer: BalancerName
    temperature: Positive
    logit_scale: Literal["learned", "fixed", "softplus"]
    normalize: Literal["both", "image", "none"]
    positives: Literal["pair", "concept"]
    target_grad: bool
    norms_every: int = Field(ge=0)
    sga: SgaParams
    adapter: AdapterLossParams
    static: StaticParams
    dla: DlaParams
    mcdb: McdbParams
    spr: SprParams
    dwa: DwaParams
    gradnorm: GradnormParams
    cagrad: CagradParams
    aligned_mtl: AlignedMtlParams
    fairgrad: FairgradParams
    nash_mtl: NashMtlParams

    @field_validator("objectives")
    @classmethod
    def _none_twice(cls, objectives: list[Objective]) -> list[Objective]:
        if doubled := sorted({name for name in objectives if objectives.count(name) > 1}):
            raise ValueError(f"named more than once: {listed(doubled)}")
        return objectives

    @field_validator("static")
    @classmethod
    def _one_weight_per_objective(cls, static: StaticParams, info: ValidationInfo) -> StaticParams:
        objectives = info.data.get("objectives")
        if objectives is None or not static.weights:
            return static
        if len(static.weights) != len(objectives):
            raise ValueError(f"weights must be [] or one number for each of {listed(objectives)}")
        if not sum(static.weights):
            raise ValueError("weights must not all be zero")
        return static
