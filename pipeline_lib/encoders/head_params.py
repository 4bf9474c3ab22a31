"""What section `encoder` of params.yaml holds about the heads, modality by modality."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from pipeline_lib.common.params import Section

Dropout = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(gt=0, le=1)]


class HeadKinds(Section):
    """What lies between each modality's features and the shared space; :mod:`pipeline_lib.encoders.heads`."""

    brain: Literal["projection", "linear", "identity"]
    image: Literal["projection", "linear", "identity", "adapter"]
    text: Literal["projection", "linear", "identity", "adapter"]


class HeadDropout(Section):
    """Inside heads of kind projection; the other kinds have none."""

    brain: Dropout
    image: Dropout
    text: Dropout


class Reduction(Section):
    """r of HMAVD's adapters."""

    image: PositiveInt
    text: PositiveInt


class AdapterParams(Section):
    """Heads of kind adapter, :mod:`pipeline_lib.encoders.adapter`.

    Attributes
    ----------
    width : {"ratio", "literal"}
        Whether the bottleneck is as wide as the features divided by r, or r itself.
    r : Reduction
    alpha : float
        α, the share of what the bottleneck gives.
    beta : float
        β, the share of the adapted text features in the new ones; image features have no such step.
    dropout : float
        Behind the first activation.
    second_activation : bool
        Another ReLU, behind the second map.
    """

    width: Literal["ratio", "literal"]
    r: Reduction
    alpha: Share
    beta: Share
    dropout: Dropout
    second_activation: bool
