"""Models of the Hugging Face hub, fetched into its cache; what is there is used without a network."""

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.space import space_needed
from pipeline_lib.features.card import SAFETENSORS, TORCH

# No Python files: none would be run.
TEXTS = ("*.json", "*.txt", "*.model")
TIMEOUT = 10  # seconds until a hub that does not answer is given up


def fetched(name: str, where: str, *, texts_only: bool = False) -> Path:
    """The folder of a hub model: configuration, tokenizer and weights, as safetensors where the hub has them.

    Parameters
    ----------
    name : str
        ``owner/name``, or ``owner/name@revision``.
    where : str
        What names it, for the error.
    texts_only : bool
        Leave the weights out.

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

    owner_name, _, revision = name.partition("@")
    try:
        with space_needed(Path(HF_HUB_CACHE), "make room, or set HF_HOME to a folder on another disk"):
            return _snapshot(owner_name, revision or "main", texts_only)
    except InputError:
        raise
    except GatedRepoError:
        problem = "its owner asks for a login; accept the terms on its page and run 'hf auth login'"
    except (RepositoryNotFoundError, RevisionNotFoundError):
        problem = "the hub knows no such model or revision; correct the name"
    except Exception:  # of the network, whose libraries raise what they like
        problem = _unreachable()
    raise InputError(f"{where}: the hub does not give {name}: {problem}")


def _snapshot(name: str, revision: str, texts_only: bool) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    files: Sequence[str] | None = None
    try:  # asked once: fetching tries again and again, for minutes, before it looks into the cache
        info = huggingface_hub.model_info(name, revision=revision, timeout=TIMEOUT)
        revision, files = info.sha or revision, wanted([file.rfilename for file in info.siblings or ()], texts_only)
    except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError):
        raise
    except Exception:
        pass
    return Path(
        huggingface_hub.snapshot_download(
            name, revision=revision, allow_patterns=files, etag_timeout=TIMEOUT, local_files_only=files is None
        )
    )


def wanted(files: Sequence[str], texts_only: bool) -> list[str]:
    """Which of a hub model's files are fetched: those of its top folder that are read."""
    top = [file for file in files if "/" not in file]
    weights = [file for file in top if fnmatch(file, SAFETENSORS)]
    weights = weights or [file for file in top if any(fnmatch(file, pattern) for pattern in TORCH)]
    texts = [file for file in top if any(fnmatch(file, pattern) for pattern in TEXTS)]
    return texts if texts_only else texts + weights


def _unreachable() -> str:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set and it is not in the cache; unset it, or copy the model's folder here"
    return (
        "the hub cannot be reached and it is not in the cache; fetch it where there is a network ('hf download'), copy "
        "the weights into this folder and name them as weights"
    )
