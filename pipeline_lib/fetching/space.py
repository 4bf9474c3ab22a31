"""Sizes in words, and whether there is room."""

import shutil
from pathlib import Path

from pipeline_lib.common.errors import InputError

UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size_text(size: float) -> str:
    """A number of bytes as people say it: ``"12.3 GB"``, in powers of 1000."""
    step = 0
    while round(size, 1) >= 1000 and step < len(UNITS) - 1:
        size, step = size / 1000, step + 1
    return f"{size:.0f} {UNITS[0]}" if not step else f"{size:.1f} {UNITS[step]}"


def check_space(place: Path, needed: int, *, what: str) -> None:
    """Refuse what would fill the disk.

    Parameters
    ----------
    place : Path
        Where it goes; need not exist.
    needed : int
        Bytes.
    what : str
        What needs them, for the error.

    Raises
    ------
    InputError
        With both sizes.
    """
    nearest = next(path for path in (place, *place.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(nearest).free
    if needed > free:
        raise InputError(
            f"{place}: {what} needs {size_text(needed)}, and {size_text(free)} are free there; make room, or choose "
            "another folder with --out"
        )
