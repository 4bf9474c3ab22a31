"""Section `encoder` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline_lib.common.params import Section
from pipeline_lib.encoders.head_params import AdapterParams, HeadDropout, HeadKinds


class EncoderParams(Section):
    """The brain encoder and the heads into the shared space.

    Attributes
    ----------
    name : {"tsconv", "flat"}
        ``"flat"`` serves data without a time axis, and systems that skip the convolutions (UBP, NeuroBridge).
    dropout : float
        Inside the encoder; ``"flat"`` has none.
    dim : int or None
        Width of the space that brain, image and text share; None takes the width of the features that no head
        projects.
    heads, head_dropout, adapter
        What the heads are, and their own parameters.
    """

    name: Literal["tsconv", "flat"]
    dropout: float = Field(ge=0, lt=1)
    dim: Annotated[int, Field(gt=0)] | None
    heads: HeadKinds
    head_dropout: HeadDropout
    adapter: AdapterParams
