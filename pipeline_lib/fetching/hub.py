"""Models of the Hugging Face hub, fetched into its cache; what is there is used without a network.

A model of the hub is written ``owner/name`` or ``owner/name@revision``: a commit, a tag or a branch.
"""

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.space import space_needed

HUB_NAME = r"^[\w-][\w.-]*/[\w-][\w.-]*(@[\w./-]+)?$"
MAIN = "main"
# No Python files: none would be run.
TEXTS = ("*.json", "*.txt", "*.model", "*.jinja")
SAFETENSORS, TORCH = "*.safetensors", ("*.pt", "*.pth", "*.bin", "*.ckpt")
Weights = Literal["any", "safetensors", "none"]
TIMEOUT = 10  # seconds until a hub that does not answer is given up


def name_and_revision(hub: str) -> tuple[str, str]:
    """``owner/name`` and the revision, which is ``"main"`` where none is named."""
    name, _, revision = hub.partition("@")
    return name, revision or MAIN


def fetched(hub: str, where: str, *, weights: Weights = "any") -> Path:
    """The folder of a hub's model: configuration, tokenizer and weights.

    Parameters
    ----------
    hub : str
        Its name, as above.
    where : str
        What names it, for the error.
    weights : {"any", "safetensors", "none"}
        Which weights are fetched; of any, safetensors where there are any.

    Returns
    -------
    Path
        In the hub's cache; its name is the commit.

    Raises
    ------
    InputError
        If the hub knows no such model, wants a login, or is out of reach while the cache does not have it.
    """
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        with space_needed(Path(HF_HUB_CACHE), "make room, or set HF_HOME to a folder on another disk"):
            return _snapshot(*name_and_revision(hub), weights)
    except InputError:
        raise
    except GatedRepoError:
        problem = "its owner asks for a login; accept the terms on its page and run 'hf auth login'"
    except (RepositoryNotFoundError, RevisionNotFoundError):
        problem = "the hub knows no such model or revision; correct the name"
    except Exception:  # of the network, whose libraries raise what they like
        problem = _unreachable()
    raise InputError(f"{where}: the hub does not give {hub}: {problem}")


def wanted(files: Sequence[str], weights: Weights) -> list[str]:
    """Which of a hub model's files are fetched: those of its top folder that are read."""
    top = [file for file in files if "/" not in file]
    texts, safe = _matching(top, TEXTS), _matching(top, [SAFETENSORS])
    if weights == "none":
        return texts
    return texts + (safe if safe or weights == "safetensors" else _matching(top, TORCH))


def _matching(files: Sequence[str], patterns: Sequence[str]) -> list[str]:
    return [file for file in files if any(fnmatch(file, pattern) for pattern in patterns)]


def _snapshot(name: str, revision: str, weights: Weights) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    files: Sequence[str] | None = None
    try:  # asked once: fetching tries again and again, for minutes, before it looks into the cache
        info = huggingface_hub.model_info(name, revision=revision, timeout=TIMEOUT)
        revision, files = info.sha or revision, wanted([file.rfilename for file in info.siblings or ()], weights)
    except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError):
        raise
    except Exception:
        pass
    return Path(
        huggingface_hub.snapshot_download(
            name, revision=revision, allow_patterns=files, etag_timeout=TIMEOUT, local_files_only=files is None
        )
    )


def _unreachable() -> str:
    from huggingface_hub import constants

    cure = "copy its files into a folder here and name that instead"
    if constants.HF_HUB_OFFLINE:
        return f"HF_HUB_OFFLINE is set and it is not in the cache; unset it, or {cure}"
    return (
        "the hub cannot be reached and it is not in the cache; fetch it where there is a network ('hf download'), "
        f"{cure} (HF_HUB_OFFLINE=1 then keeps off the network)"
    )
