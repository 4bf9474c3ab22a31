"""BLIP-2 from a local folder: pictures and prompts in, captions out.

The folder is what transformers writes: config, processor, tokenizer and safetensors weights. Nothing is downloaded and
no code from the folder is run.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import AutoModelForImageTextToText, AutoProcessor
from transformers.utils import logging

from pipeline_lib.common.errors import InputError, bad_value, listed

OFFLINE = {"local_files_only": True, "trust_remote_code": False}
# Torchvision and PIL resize differently (0.015 standard deviations of the input), so one of them is named.
IMAGE_BACKEND = "pil"


class Caption(NamedTuple):
    """What the model wrote: without prompt and special tokens, and how many tokens it was."""

    text: str
    n_tokens: int


@dataclass(frozen=True)
class Blip2Captioner:
    """A loaded BLIP-2 with its processor.

    In float32 a picture's caption does not depend on what else is in the batch; in bfloat16 and float16 it may.
    """

    model: Any
    processor: Any
    max_new_tokens: int

    @torch.inference_mode()
    def describe(self, images: Sequence[np.ndarray], prompts: Sequence[str]) -> list[Caption]:
        """Complete one prompt per image, taking the likeliest token at each step.

        Parameters
        ----------
        images : sequence of ndarray of uint8, shape (height, width, 3)
            RGB, of any sizes.
        prompts : sequence of str
            One for each image.
        """
        inputs = self.processor(images=list(images), text=list(prompts), padding=True, return_tensors="pt")
        inputs = inputs.to(self.model.device, self.model.vision_model.dtype)  # some parts stay in float32
        tokens = self.model.generate(
            **inputs,
            max_new_tokens=self.max_new_tokens,
            do_sample=False,
            num_beams=1,
            pad_token_id=self.processor.tokenizer.pad_token_id,
        )
        if not self.model.language_model.config.is_encoder_decoder:
            tokens = tokens[:, inputs["input_ids"].shape[1] :]  # a decoder repeats the prompt before it goes on
        return [self._caption(row) for row in tokens.tolist()]

    def _caption(self, tokens: list[int]) -> Caption:
        tokenizer, end = self.processor.tokenizer, self.model.language_model.generation_config.eos_token_id
        unspoken = {*tokenizer.all_special_ids, *(end if isinstance(end, list) else [end])}
        written = [token for token in tokens if token not in unspoken]
        return Caption(tokenizer.decode(written).strip(), len(written))


def load_blip2(folder: Path, *, dtype: str, device: torch.device, max_new_tokens: int) -> Blip2Captioner:
    """Load model and processor from `folder`.

    Parameters
    ----------
    folder : Path
        As transformers' ``save_pretrained`` leaves it.
    dtype : {"float32", "bfloat16", "float16"}
        What the model computes in.
    device : torch.device
    max_new_tokens : int
        The longest caption.

    Raises
    ------
    InputError
        If the folder holds no BLIP-2, or one whose weights, processor or tokenizer do not fit together.
    """
    _check_model_type(folder)
    with _one_line_errors(folder):
        # Padding on the right would put blanks between a short prompt and its continuation.
        processor = AutoProcessor.from_pretrained(folder, backend=IMAGE_BACKEND, padding_side="left", **OFFLINE)
        model, report = AutoModelForImageTextToText.from_pretrained(
            folder,
            use_safetensors=True,
            dtype=getattr(torch, dtype),
            ignore_mismatched_sizes=True,  # they are refused below, by name
            output_loading_info=True,
            **OFFLINE,
        )
    _check_weights(folder, report)
    _check_tokenizer(folder, processor, model)
    return Blip2Captioner(model.to(device).eval(), processor, max_new_tokens)


def _check_model_type(folder: Path) -> None:
    config = Path(folder) / "config.json"
    if not config.is_file():
        raise InputError(
            f"caption.path: {folder} holds no model (config.json is missing); put a BLIP-2 folder there, "
            "or set caption.source to label or none"
        )
    try:
        model_type = json.loads(config.read_text(encoding="utf-8")).get("model_type")
    except (ValueError, AttributeError) as error:
        raise InputError(f"{config}: not a transformers configuration: {error}") from None
    if model_type != "blip-2":
        raise bad_value("model_type", model_type, ["blip-2"], where=str(config))


def _check_weights(folder: Path, report: Mapping[str, Any]) -> None:
    if missing := sorted(report["missing_keys"]):
        raise InputError(
            f"{folder}: {len(missing)} weights are missing: {listed(missing, most=2)}; copy the folder again"
        )
    for name, found, wanted in sorted(report["mismatched_keys"]):
        raise InputError(
            f"{folder}: weight {name} has shape {tuple(found)}, but config.json asks for {tuple(wanted)}; "
            "copy both from the same place"
        )


def _check_tokenizer(folder: Path, processor: Any, model: Any) -> None:
    """The processor marks the image's place with a token: both sides must mean the same one, as often."""
    if processor.num_query_tokens is None:  # folders written by early versions of transformers
        processor.num_query_tokens = model.config.num_query_tokens
    tokenizer, rows = processor.tokenizer, model.get_input_embeddings().num_embeddings
    image_token = tokenizer.convert_tokens_to_ids(processor.image_token.content)
    fits = image_token == model.config.image_token_index and len(tokenizer) <= rows
    if not fits or processor.num_query_tokens != model.config.num_query_tokens:
        raise InputError(
            f"{folder}: tokenizer and model do not fit: {len(tokenizer)} tokens with the image at {image_token}, "
            f"{processor.num_query_tokens} times, against {rows}, {model.config.image_token_index} and "
            f"{model.config.num_query_tokens}; copy both from the same place"
        )


@contextmanager
def _one_line_errors(folder: Path) -> Iterator[None]:
    """Silence transformers' own reports and phrase what it raises in one line."""
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise InputError(f"{folder}: transformers cannot load this model: {reason[:300]}") from None
