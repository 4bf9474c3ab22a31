"""Section `caption` of params.yaml."""

from pathlib import Path
from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from pipeline_lib.common.device import DeviceName
from pipeline_lib.common.params import Section

MODEL_SOURCES = ("blip2", "llava", "qwen2-vl", "model")


class SamplingParams(Section):
    """Whether tokens are drawn instead of taking the likeliest.

    Attributes
    ----------
    temperature : float
        Divides the logits: below 1, likely tokens become likelier.
    top_p : float
        Drawn is among the likeliest tokens that together have this probability.
    seed : int
        With the image id it decides what is drawn, whatever else is in the batch.
    """

    enabled: bool
    temperature: float = Field(gt=0, allow_inf_nan=False)
    top_p: float = Field(gt=0, le=1)
    seed: NonNegativeInt


class CaptionParams(Section):
    """Where the captions come from, and how a model writes them.

    Attributes
    ----------
    source : str
        ``"blip2"``, ``"llava"``, ``"qwen2-vl"`` and ``"model"`` (any other image-to-text model) describe the images,
        ``"label"`` fills the class name into a prompt, ``"file"`` takes the user's own table, ``"none"`` makes no
        captions.
    path : Path
        The model's folder or its name on the Hugging Face hub, or the user's table.
    prompt : str
        A key of `prompts`, or any text of more than one word.
    label_prompt : str
        The same, for source ``"label"``.
    batch_size : int
        Images at once, at most: halved where memory does not suffice.
    dtype : str
        What the model computes in; ``"int8"`` keeps the language model's weights in 8 bits (needs bitsandbytes).
    """

    source: Literal["blip2", "llava", "qwen2-vl", "model", "label", "none", "file"]
    path: Path
    prompt: str
    label_prompt: str
    prompts: dict[str, str]
    max_new_tokens: int = Field(gt=0)
    sampling: SamplingParams
    batch_size: int = Field(gt=0)
    dtype: Literal["float32", "bfloat16", "float16", "int8"]
    device: DeviceName
    threads: PositiveInt | None
