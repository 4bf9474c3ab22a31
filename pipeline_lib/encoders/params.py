"""Section `encoder` of params.yaml."""

from typing import Literal

from pydantic import Field

from pipeline_lib.common.params import Section


class EncoderParams(Section):
    """The brain encoder and the projection heads.

    Attributes
    ----------
    name : {"tsconv", "flat"}
        ``"flat"`` serves data without a time axis, and systems that skip the convolutions (UBP, NeuroBridge).
    dropout : float
        Inside the encoder; ``"flat"`` has none.
    dim : int
        Width of the space that brain, image and text share.
    head_dropout : float
        Inside the projection heads.
    """

    name: Literal["tsconv", "flat"]
    dropout: float = Field(ge=0, lt=1)
    dim: int = Field(gt=0)
    head_dropout: float = Field(ge=0, lt=1)
