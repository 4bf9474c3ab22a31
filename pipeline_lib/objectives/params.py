"""Section `loss` of params.yaml: the objectives, and how a balancer shares the training signal among them."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from pipeline_lib.common.errors import listed
from pipeline_lib.common.params import Section

Objective = Literal["brain-image", "image-text", "guidance", "brain-text", "consistency", "adapter-consistency"]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SgaParams(Section):
    """Semantic guidance, :mod:`pipeline_lib.objectives.guidance`."""

    diagonal: Literal["softmax", "one"]
    reduction: Literal["mean", "sum"]
    teacher_grad: bool


class AdapterLossParams(Section):
    """The objective ``adapter-consistency``, HMAVD's L_r: what it is multiplied by, besides a balancer's weight."""

    consistency_weight: Weight


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


class LossParams(Section):
    """What training minimises.

    Attributes
    ----------
    objectives : list of Objective
        At least one, none twice; :func:`pipeline_lib.objectives.terms.objective_terms` says what each is.
    balancer : {"static", "dla", "mcdb"}
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
        Steps between measurements of each objective's gradient norm where the balancer itself needs none (static and
        MCDB); a measurement costs further backward passes. 0 means never.
    sga, adapter, static, dla, mcdb, spr
        The parts' own parameters.
    """

    objectives: list[Objective] = Field(min_length=1)
    balancer: Literal["static", "dla", "mcdb"]
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
