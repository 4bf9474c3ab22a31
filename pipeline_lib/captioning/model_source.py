"""Source `blip2`, `llava`, `qwen2-vl` or `model`: captions by a model that looks at the images."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import transformers

from pipeline_lib.captioning.decoding import Decoding, Sampling
from pipeline_lib.captioning.describing import Request, describe_all
from pipeline_lib.captioning.loading import NOWHERE, load_captioner
from pipeline_lib.captioning.made import Made
from pipeline_lib.captioning.params import CaptionParams
from pipeline_lib.captioning.prompts import filled, prompt_named
from pipeline_lib.captioning.scratch import Scratch
from pipeline_lib.captioning.table import caption_table
from pipeline_lib.captioning.whereabouts import ModelFiles, find_model
from pipeline_lib.common.device import pick_device, use_threads
from pipeline_lib.common.processes import ALONE, Group
from pipeline_lib.common.stimulus_table import StimulusTable

# Raised when captions change though nothing of the below does: no run then takes up older ones.
VERSION = 1


def model_captions(
    params: CaptionParams, stimuli: StimulusTable, images: Path, *, out: Path | None = None, group: Group = ALONE
) -> Made:
    """Let a model answer the prompt for each image as it was shown (the raw image, in the processor's own size)."""
    wording = prompt_named(params.prompt, params.prompts)
    frame = stimuli.frame
    prompts = [filled(wording, concept) for concept in frame["concept"]]
    use_threads(params.threads)
    device = group.device or pick_device(params.device, key="caption.device")
    files = group.by_the_first(lambda: find_model(params.path))
    if not files.folder.exists():  # another machine, with a hub cache of its own
        files = find_model(params.path)
    decoding = decoding_of(params)
    captioner = load_captioner(files, source=params.source, dtype=params.dtype, device=device, decoding=decoding)
    scratch = out and Scratch(out, made_of(files, wording, decoding, params.dtype, device))
    requests = [
        Request(image_id, images / file, prompt)
        for image_id, file, prompt in zip(frame["image_id"], frame["file"], prompts, strict=True)
    ]
    captions, shares = describe_all(captioner, requests, batch_size=params.batch_size, scratch=scratch, group=group)
    table = caption_table(
        frame["image_id"],
        [caption.text for caption in captions],
        source=params.source,
        model=files.name,
        revision=files.revision,
        prompts=prompts,
        n_tokens=[caption.n_tokens for caption in captions],
    )
    return Made(table, shares, scratch)


def check_model(params: CaptionParams) -> str:
    """Look whether a model can be used, without reading its weights; in a few words what it is.

    Raises
    ------
    InputError
        If it is missing, another kind of model, or its parts do not fit together.
    """
    prompt_named(params.prompt, params.prompts)
    files = find_model(params.path)
    captioner = load_captioner(
        files, source=params.source, dtype=params.dtype, device=NOWHERE, decoding=decoding_of(params)
    )
    return f"{files.folder}: {captioner.model.config.model_type}, {files.revision}"


def decoding_of(params: CaptionParams) -> Decoding:
    """How the parameters want captions to be written."""
    ours = params.sampling
    sampling = Sampling(ours.temperature, ours.top_p, ours.seed) if ours.enabled else None
    return Decoding(params.max_new_tokens, sampling)


def made_of(files: ModelFiles, wording: str, decoding: Decoding, dtype: str, device: torch.device) -> dict[str, Any]:
    """What captions depend on, beside the images; not the batch size, nor how many processes share the work."""
    return {
        "model": [files.name, files.revision],
        "prompt": wording,
        "decoding": asdict(decoding),
        "computation": [dtype, device.type, torch.__version__, transformers.__version__, VERSION],
    }
