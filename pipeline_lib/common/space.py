"""A full disk is something the user can help: one line instead of a traceback."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline_lib.common.errors import InputError

FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def space_needed(place: Path, cure: str) -> Iterator[None]:
    """Say in one line that there is no space left.

    Parameters
    ----------
    place : Path
        What is being written, or the folder it goes to.
    cure : str
        What to do then.

    Raises
    ------
    InputError
        Where writing fails because the disk or the user's quota is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise InputError(f"{error.filename or place}: no space left on the device; {cure}") from None
