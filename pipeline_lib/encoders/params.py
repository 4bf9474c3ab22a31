"""Section `encoder` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline_lib.common.params import Section
from pipeline_lib.encoders.head_params import AdapterParams, HeadDropout, HeadKinds


class AtmParams(Section):
    """What only encoder ``"atm"`` reads.

    Attributes
    ----------
    drop_last_channel : bool
        Reproduce a slip of the released system: the subject token goes on to the convolutions, the last channel does
        not.
    """

    drop_last_channel: bool


class EncoderParams(Section):
    """The brain encoder and the heads into the shared space.

    Attributes
    ----------
    name : {"tsconv", "tsconv-sa", "tsconv-ga", "atm", "flat"}
        ``"flat"`` serves data without a time axis, and systems that skip the convolutions (UBP, NeuroBridge).
    dropout : float
        Inside the convolutions; ``"flat"`` has none.
    attention_dropout : float
        Inside the attention between channels, of those that have one.
    atm : AtmParams
    dim : int or None
        Width of the space that brain, image and text share; None takes the width of the features that no head
        projects.
    heads, head_dropout, adapter
        What the heads are, and their own parameters.
    """

    name: Literal["tsconv", "tsconv-sa", "tsconv-ga", "atm", "flat"]
    dropout: float = Field(ge=0, lt=1)
    attention_dropout: float = Field(ge=0, lt=1)
    atm: AtmParams
    dim: Annotated[int, Field(gt=0)] | None
    heads: HeadKinds
    head_dropout: HeadDropout
    adapter: AdapterParams
