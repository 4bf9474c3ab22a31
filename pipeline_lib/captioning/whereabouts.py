"""Where a captioner's files are: a folder, or a model of the Hugging Face hub, which is fetched into its cache.

A hub model is written as its name, ``owner/model`` or ``owner/model@revision``. DVC can only depend on what lies on
the disk, so for `dvc repro` it stands in a small file: a folder with ``model.yaml``, which holds ``hub: owner/model``
and ``revision: ...`` (a commit, tag or branch).
"""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import Section, read_params, validated
from pipeline_lib.common.space import space_needed

CARD = "model.yaml"
CONFIG = "config.json"
HUB_NAME = re.compile(r"(?P<name>[\w-][\w.-]*/[\w-][\w.-]*)(@(?P<revision>[\w./-]+))?")
# No Python files and no pickles: neither would be opened.
FILES = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja")
TIMEOUT = 10  # seconds until a hub that does not answer is given up
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

    hub: str
    revision: str


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
        return fetched(card.hub, card.revision)
    named = hub_name(path)
    if named:
        return fetched(named["name"], named["revision"] or "main")
    raise InputError(
        f"caption.path: {path} holds no model ({CONFIG} is missing); put the model's folder there, "
        "or set caption.source to label or none"
    )


def hub_name(path: Path) -> re.Match[str] | None:
    """Name and revision, where `path` is no folder here and looks like a name on the hub."""
    return None if path.exists() else HUB_NAME.fullmatch(path.as_posix())


def fetched(name: str, revision: str) -> ModelFiles:
    """A model of the hub, from its cache where the hub is out of reach; what is there is not fetched again.

    Raises
    ------
    InputError
        If the hub knows no such model, wants a login, or is out of reach while the cache does not have it.
    """
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        with space_needed(Path(HF_HUB_CACHE), "make room, or set HF_HOME to a folder on another disk"):
            folder = _snapshot(name, revision)
    except InputError:
        raise
    except GatedRepoError:
        problem = "its owner asks for a login; accept the terms on its page and run 'hf auth login'"
    except (RepositoryNotFoundError, RevisionNotFoundError):
        problem = "the hub knows no such model or revision; is it a folder that is not there yet?"
    except Exception:  # of the network, whose libraries raise what they like
        problem = _unreachable()
    else:
        return ModelFiles(folder, name, folder.name)
    at = "" if revision == "main" else f"@{revision}"
    raise InputError(f"caption.path: no folder {name}{at} here, and the hub gives no model of that name: {problem}")


def _snapshot(name: str, revision: str) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    try:  # asked once: fetching tries again and again, for minutes, before it looks into the cache
        revision = huggingface_hub.model_info(name, revision=revision, timeout=TIMEOUT).sha or revision
        reachable = True
    except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError):
        raise
    except Exception:
        reachable = False
    return Path(
        huggingface_hub.snapshot_download(
            name, revision=revision, allow_patterns=list(FILES), etag_timeout=TIMEOUT, local_files_only=not reachable
        )
    )


def digest_of(folder: Path) -> str:
    """``sha256:`` and the first digits of a digest of names and contents of the files that are read."""
    files = sorted({path for pattern in FILES for path in folder.glob(pattern)})
    with ThreadPoolExecutor(4) as pool:
        digests = list(pool.map(file_digest, files))
    lines = "".join(f"{path.name} {digest}\n" for path, digest in zip(files, digests, strict=True))
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()[:DIGITS]}"


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unreachable() -> str:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set and it is not in the cache; unset it, or copy the model's folder here"
    return (
        "the hub cannot be reached and it is not in the cache; fetch it where there is a network ('hf download') and "
        "set caption.path to that folder (HF_HUB_OFFLINE=1 then keeps off the network)"
    )
