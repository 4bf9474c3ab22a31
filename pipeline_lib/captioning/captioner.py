"""A loaded image-to-text model: pictures and prompts in, captions out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from transformers import LogitsProcessorList

from pipeline_lib.captioning.decoding import Decoding
from pipeline_lib.captioning.families import UNPADDED, UNREPEATED, conversation
from pipeline_lib.common.errors import InputError


class Caption(NamedTuple):
    """What the model wrote: without prompt and special tokens, and how many tokens it was."""

    text: str
    n_tokens: int


@dataclass(frozen=True)
class Captioner:
    """A loaded model with its processor.

    In float32 a picture's caption does not depend on what else is in the batch; in the shorter types it may.

    Attributes
    ----------
    model, processor
        Of transformers.
    decoding : Decoding
        How captions are written.
    dtype : torch.dtype
        Of the pixels.
    """

    model: Any
    processor: Any
    decoding: Decoding
    dtype: torch.dtype
    # Whether a tokenizer pads is a state of its own that each call sets, and another thread would set otherwise.
    _preparing: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def describe(
        self, images: Sequence[np.ndarray], prompts: Sequence[str], keys: Sequence[str] | None = None
    ) -> list[Caption]:
        """One caption per image.

        Parameters
        ----------
        images : sequence of ndarray of uint8, shape (height, width, 3)
            RGB, of any sizes.
        prompts : sequence of str
            One for each image.
        keys : sequence of str, optional
            The images' ids, by which tokens are drawn where they are. Defaults to their places.
        """
        return self.write(self.prepare(images, prompts), keys or [str(place) for place in range(len(images))])

    def prepare(self, images: Sequence[np.ndarray], prompts: Sequence[str]) -> Any:
        """Pixels and tokens of a batch, as the model reads them, on the CPU; threads take turns."""
        # As pictures: an array of three rows would be taken for three channels.
        pictures = [Image.fromarray(image) for image in images]
        with self._preparing:
            if self.processor.chat_template:
                return self._conversations(pictures, prompts)
            inputs = self.processor(images=pictures, text=list(prompts), padding=True, return_tensors="pt")
        return blanks_first(inputs, allowed=self.model.config.model_type not in UNPADDED)

    def _conversations(self, pictures: Sequence[Image.Image], prompts: Sequence[str]) -> Any:
        return self.processor.apply_chat_template(
            [conversation(picture, prompt) for picture, prompt in zip(pictures, prompts, strict=True)],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True},
        )

    @torch.inference_mode()
    def write(self, inputs: Any, keys: Sequence[str]) -> list[Caption]:
        """The captions of a batch that :meth:`prepare` made, of the images `keys`."""
        inputs = inputs.to(self.model.device, self.dtype)
        tokens = self.model.generate(
            **inputs,
            max_new_tokens=self.decoding.max_new_tokens,
            do_sample=False,
            num_beams=1,
            logits_processor=LogitsProcessorList(self.decoding.chooser(keys)),
        )
        if not self.model.config.is_encoder_decoder:  # a decoder repeats the prompt before it goes on
            tokens = tokens[:, inputs["input_ids"].shape[1] - UNREPEATED.get(self.model.config.model_type, 0) :]
        unspoken = self._unspoken()
        return [self._caption(row, unspoken) for row in tokens.tolist()]

    def _caption(self, tokens: list[int], unspoken: set[int]) -> Caption:
        written = [token for token in tokens if token not in unspoken]
        return Caption(self.processor.tokenizer.decode(written).strip(), len(written))

    def _unspoken(self) -> set[int]:
        """Special tokens, the one that marks the image, and the ends of a text."""
        parts = [self.model, getattr(self.model, "language_model", None)]
        ends = [part.generation_config.eos_token_id for part in parts if hasattr(part, "generation_config")]
        listed = [end if isinstance(end, list) else [end] for end in ends]
        image = getattr(self.model.config, "image_token_id", None)
        return {*self.processor.tokenizer.all_special_ids, image, *(end for found in listed for end in found)}


def blanks_first(inputs: Any, *, allowed: bool = True) -> Any:
    """Move the padding of each row in front of everything else.

    BLIP-2's processor pads the text and then puts the picture's tokens before it. A language model that counts the
    steps from one token to another, such as Flan-T5, would then read a prompt otherwise in every batch.

    Parameters
    ----------
    inputs : mapping
        What a processor made.
    allowed : bool
        Whether the model knows what padding is.

    Raises
    ------
    InputError
        If it does not, and there is padding.
    """
    tokens, mask = (inputs.get(name) for name in ("input_ids", "attention_mask"))
    if tokens is None or mask is None or mask.shape != tokens.shape or mask.all():
        return inputs
    if not allowed:
        raise InputError(
            "this model reads prompts of one length only; set caption.prompt to one without {concept}, or "
            "caption.batch_size to 1"
        )
    order = mask.argsort(dim=1, stable=True)
    inputs["input_ids"], inputs["attention_mask"] = tokens.gather(1, order), mask.gather(1, order)
    return inputs
