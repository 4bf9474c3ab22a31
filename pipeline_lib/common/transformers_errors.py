"""What transformers raises when a model cannot be loaded, in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.memory import is_exhaustion


@contextmanager
def one_line_errors(folder: Path, *, memory_cure: str) -> Iterator[None]:
    """Silence transformers' own reports and phrase what it raises in one line.

    Parameters
    ----------
    folder : Path
        The model's, for the error.
    memory_cure : str
        What to do where the model does not fit into memory.

    Raises
    ------
    InputError
        For whatever is raised in the block.
    """
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # transformers, tokenizers and safetensors raise what they like
        if is_exhaustion(error):
            raise InputError(f"{folder}: the model does not fit into memory; {memory_cure}") from None
        raise InputError(f"{folder}: transformers cannot load this model: {first_line(error)}") from None


def first_line(error: Exception) -> str:
    """What an error says, cut to one short line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
