"""Outputs appear whole or not at all: written under a temporary name, moved into place at the end."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """Give a temporary path beside `target` that replaces it when the block ends without an exception.

    Parameters
    ----------
    target : Path
        The final file or folder. Its parent is created. What stood there stays untouched until the new one is whole.

    Yields
    ------
    Path
        Where to write: a path that does not exist yet, with the suffix of `target`. Whether it becomes a file or a
        folder is the caller's choice.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target)
    unfinished = target.with_name(f".{os.getpid()}.unfinished.{target.name}")
    try:
        yield unfinished
        if target.is_dir():
            _remove(target)
        os.replace(unfinished, target)
    finally:
        _remove(unfinished)


@contextmanager
def scratch_beside(target: Path) -> Iterator[Path]:
    """Give an empty folder beside `target` for what is needed while it is made; removed when the block ends.

    Parameters
    ----------
    target : Path
        The final file or folder. What killed processes left is removed.
    """
    place = Path(target).with_name(f"{Path(target).name}.scratch")
    place.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(place)
    folder = place.with_name(f".{os.getpid()}.unfinished.{place.name}")
    folder.mkdir()
    try:
        yield folder
    finally:
        _remove(folder)


def _remove_leftovers(target: Path) -> None:
    """Remove what killed processes left of earlier attempts, and an attempt of this process's number."""
    for leftover in target.parent.glob(f".*.unfinished.{escape(target.name)}"):
        number = leftover.name.split(".")[1]
        if number == str(os.getpid()) or (number.isdecimal() and not _is_running(int(number))):
            _remove(leftover)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
