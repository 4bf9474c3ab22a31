"""Where a captioner's files are: a folder, or a model of the Hugging Face hub, which is fetched into its cache.

A model of the hub is written ``owner/name`` or ``owner/name@revision``. DVC can only depend on what lies on the disk.
For `dvc repro` it stands in a small file: a folder with ``model.yaml``, which holds ``hub: owner/name@revision``.
"""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from pipeline_lib.common.digests import file_digest
from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import Section, read_params, validated
from pipeline_lib.fetching.hub import HUB_NAME, SAFETENSORS, TEXTS, fetched, name_and_revision

CARD = "model.yaml"
CONFIG = "config.json"
DIGITS = 16


@dataclass(frozen=True)
class ModelFiles:
    """A captioner on the disk.

    Attributes
    ----------
    folder : Path
        As transformers' ``save_pretrained`` leaves it.
    name : str
        The folder's, or the hub's.
    revision : str
        The hub's commit, or a digest of the folder's files (``"sha256:..."``).
    """

    folder: Path
    name: str
    revision: str


class HubCard(Section):
    """The content of model.yaml."""

    hub: Annotated[str, Field(pattern=HUB_NAME)]


def find_model(path: Path) -> ModelFiles:
    """The files that ``caption.path`` means.

    Raises
    ------
    InputError
        If there are none, or the hub cannot be reached and nothing of it is in the cache.
    """
    if (path / CONFIG).is_file():
        return ModelFiles(path, path.resolve().name, digest_of(path))
    if (path / CARD).is_file():
        card = validated({"model": read_params(path / CARD)}, "model", HubCard, where=str(path / CARD))
        return _of_the_hub(card.hub, str(path / CARD))
    if name := hub_name(path):
        return _of_the_hub(name, "caption.path, which is no folder here")
    raise InputError(
        f"caption.path: {path} holds no model ({CONFIG} is missing); put the model's folder there, "
        "or set caption.source to label or none"
    )


def hub_name(path: Path) -> str | None:
    """Name and revision, where `path` is no folder here and looks like a name on the hub."""
    return path.as_posix() if not path.exists() and re.fullmatch(HUB_NAME, path.as_posix()) else None


def _of_the_hub(hub: str, where: str) -> ModelFiles:
    folder = fetched(hub, where, weights="safetensors")  # pickles would not be opened
    return ModelFiles(folder, name_and_revision(hub)[0], folder.name)


def digest_of(folder: Path) -> str:
    """``sha256:`` and the first digits of a digest of names and contents of the files that are read."""
    files = sorted({path for pattern in (*TEXTS, SAFETENSORS) for path in folder.glob(pattern)})
    with ThreadPoolExecutor(4) as pool:
        digests = list(pool.map(file_digest, files))
    lines = "".join(f"{path.name} {digest}\n" for path, digest in zip(files, digests, strict=True))
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()[:DIGITS]}"
