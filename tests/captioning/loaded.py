"""Captioners as tests want them."""

from pathlib import Path

import torch

from pipeline_lib.captioning.captioner import Captioner
from pipeline_lib.captioning.decoding import Decoding, Sampling
from pipeline_lib.captioning.loading import load_captioner
from pipeline_lib.captioning.whereabouts import find_model


def loaded(
    folder: Path,
    *,
    source: str = "blip2",
    dtype: str = "float32",
    device: str = "cpu",
    max_new_tokens: int = 8,
    sampling: Sampling | None = None,
) -> Captioner:
    """The captioner in `folder`."""
    decoding = Decoding(max_new_tokens, sampling)
    return load_captioner(
        find_model(folder), source=source, dtype=dtype, device=torch.device(device), decoding=decoding
    )
