"""A captioner from its folder: config, processor, tokenizer and safetensors weights, as transformers writes them.

Nothing is downloaded here, and no code from the folder is run: pickled weights are not opened and code files are not
imported.
"""

import json
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor, BitsAndBytesConfig

from pipeline_lib.captioning.captioner import Captioner
from pipeline_lib.captioning.decoding import Decoding
from pipeline_lib.captioning.families import check_model_type, use_chat_template
from pipeline_lib.captioning.fitting import check_tokenizer, check_weights
from pipeline_lib.captioning.whereabouts import CONFIG, ModelFiles
from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.common.transformers_errors import one_line_errors
from pipeline_lib.fetching.hub import SAFETENSORS, TORCH

OFFLINE = {"local_files_only": True, "trust_remote_code": False}
# Torchvision and PIL resize differently (0.015 standard deviations of the input), so one of them is named.
IMAGE_BACKEND = "pil"
PICKLED = (*TORCH, "*.pkl")
NOWHERE = torch.device("meta")
MEMORY_CURE = "set caption.dtype to bfloat16 or int8, or take a smaller model"


def load_captioner(
    files: ModelFiles, *, source: str, dtype: str, device: torch.device, decoding: Decoding
) -> Captioner:
    """Load model and processor.

    Parameters
    ----------
    files : ModelFiles
        Where they are.
    source : {"blip2", "llava", "qwen2-vl", "model"}
        What kind of model is expected.
    dtype : {"float32", "bfloat16", "float16", "int8"}
        What the model computes in; ``"int8"``: float16 with the weights in 8 bits.
    device : torch.device
        ``meta`` reads no weights and looks only whether all of them are there, in the right shapes.
    decoding : Decoding
        How captions are written.

    Raises
    ------
    InputError
        If the folder holds no such model, or one whose weights, processor or tokenizer do not fit together.
    """
    folder = files.folder
    model_type = _model_type(folder)
    check_model_type(model_type, source, str(folder / CONFIG))
    _check_safetensors(folder)
    quantized = dtype == "int8" and device != NOWHERE
    _check_int8(dtype)
    with one_line_errors(folder, memory_cure=MEMORY_CURE):
        processor = _processor(folder)
        model, report = AutoModelForImageTextToText.from_pretrained(
            folder,
            use_safetensors=True,
            dtype=computed_in(dtype),
            device_map={"": device} if quantized or device == NOWHERE else None,
            quantization_config=BitsAndBytesConfig(load_in_8bit=True) if quantized else None,
            ignore_mismatched_sizes=True,  # they are refused below, by name
            output_loading_info=True,
            **OFFLINE,
        )
        if not quantized:
            model = model.to(device)
    check_weights(folder, report)
    check_tokenizer(folder, processor, model)
    use_chat_template(processor, model_type, str(folder))
    if dtype == "float32":
        torch.backends.cudnn.allow_tf32 = False  # else a GPU convolves with 10 bits, and captions depend on batches
    return Captioner(model.eval(), processor, decoding, computed_in(dtype))


def _processor(folder: Path) -> Any:
    # Padding on the right would put blanks between a short prompt and its continuation.
    processor = AutoProcessor.from_pretrained(folder, padding_side="left", **OFFLINE)
    if getattr(processor, "image_processor", None):
        # By itself: AutoProcessor would ask the same of a video processor, which has no such form.
        with suppress(ValueError, ImportError):  # some models come without
            processor.image_processor = AutoImageProcessor.from_pretrained(folder, backend=IMAGE_BACKEND, **OFFLINE)
    return processor


def computed_in(dtype: str) -> torch.dtype:
    """The numbers a model computes with."""
    return torch.float16 if dtype == "int8" else getattr(torch, dtype)


def _model_type(folder: Path) -> Any:
    config = folder / CONFIG
    try:
        return json.loads(config.read_text(encoding="utf-8")).get("model_type")
    except FileNotFoundError:
        raise InputError(f"{folder} holds no model ({CONFIG} is missing)") from None
    except (ValueError, AttributeError) as error:
        raise InputError(f"{config}: not a transformers configuration: {error}") from None


def _check_safetensors(folder: Path) -> None:
    if any(folder.glob(SAFETENSORS)):
        return
    pickled = sorted(path.name for pattern in PICKLED for path in folder.glob(pattern))
    if pickled:
        raise InputError(
            f"{folder}: the weights are pickles ({listed(pickled, most=2)}), which may run any code and are not "
            "opened; take the model's safetensors files, or convert them where you trust them ('save_pretrained')"
        )
    raise InputError(f"{folder}: no weights ({SAFETENSORS}); save model and processor with 'save_pretrained'")


def _check_int8(dtype: str) -> None:
    if dtype == "int8" and not find_spec("bitsandbytes"):
        raise InputError(
            "caption.dtype is 'int8', which needs the package bitsandbytes; run 'pip install bitsandbytes', "
            "or set it to bfloat16"
        )
