"""Section `caption` of params.yaml."""

from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt

from pipeline_lib.common.device import DeviceName
from pipeline_lib.common.params import Section


class CaptionParams(Section):
    """Where the captions come from, and how a model writes them.

    Attributes
    ----------
    source : str
        ``"blip2"`` describes the images, ``"label"`` fills the class name into a wording, ``"file"`` takes the user's
        own table, ``"none"`` makes no captions.
    path : Path
        The model's folder, or the user's table.
    prompt : str
        A key of `prompts`, or any text of more than one word.
    label_prompt : str
        The same, for source ``"label"``.
    """

    source: Literal["blip2", "label", "none", "file"]
    path: Path
    prompt: str
    label_prompt: str
    prompts: dict[str, str]
    max_new_tokens: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    dtype: Literal["float32", "bfloat16", "float16"]
    device: DeviceName
    threads: PositiveInt | None
