"""npy files, and pickled dicts that are called so, read without running what a pickle may ask for.

The THINGS-EEG2 files are Python dicts, saved with numpy or with pickle itself. They are up to 8 GB large, so they are
mapped from disk: looking at one row reads that row.
"""

import os
from contextlib import suppress
from mmap import ACCESS_COPY, ACCESS_READ, mmap
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.recordings.stubs import CURE as FETCH
from pipeline_lib.recordings.stubs import MISSING_FILE, stub_in
from pipeline_lib.recordings.unpickler import unpickled

PICKLE_STARTS = tuple(bytes([0x80, protocol]) for protocol in (2, 3, 4, 5))
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def load_dict(path: Path) -> dict[str, Any]:
    """The dict in a file that ``np.save(path, dict)`` or ``pickle.dump(dict, file)`` has written.

    Parameters
    ----------
    path : Path
        A pickled dict of arrays, strings, numbers and plain containers, with an npy header or without.

    Returns
    -------
    dict
        Arrays of 64 KiB and more are views on the mapped file, not aligned in memory: taking a row reads that row
        alone. They may be changed, which leaves the file as it is (a file larger than the memory: they may not).

    Raises
    ------
    InputError
        If the file is missing, truncated, of another kind, holds something other than a dict, or asks for any class
        or function beyond the allowed ones, which is then named and not run.
    """
    with _opened(path) as file:
        mapped = _mapped(file, path)
    if mapped[:2] not in PICKLE_STARTS and not _header(mapped, path)[2].hasobject:
        raise InputError(f"{path}: holds a plain array, expected a pickled dict; get it again")
    try:
        content = unpickled(mapped, path)
    except InputError:
        raise
    except Exception as error:  # a broken pickle can fail in any way
        raise InputError(f"{path}: the pickle is truncated or damaged ({_reason(error)}); get it again") from None
    if isinstance(content, np.ndarray) and content.shape == ():
        content = content.item()
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds a {type(content).__name__}, expected a pickled dict")
    return content


def load_array(path: Path) -> np.ndarray:
    """A plain numeric npy file, mapped from disk rather than read.

    Raises
    ------
    InputError
        If the file is missing, truncated, no npy file, or holds Python objects.
    """
    with _opened(path) as file:
        if _header(file, path)[2].hasobject:
            raise InputError(f"{path}: holds pickled Python objects, expected a plain array of numbers")
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: the npy file is truncated or damaged ({_reason(error)}); get it again") from None


def required(content: dict[str, Any], keys: tuple[str, ...], path: Path) -> list[Any]:
    """The values of `keys` in a dict that came from `path`; an InputError names the keys that are missing."""
    if missing := [key for key in keys if key not in content]:
        raise InputError(f"{path}: keys are missing: {listed(missing)}; it holds: {listed(content)}")
    return [content[key] for key in keys]


def words(values: Any, key: str, path: Path) -> list[str]:
    """A list of names that came from `path`; an InputError names the `key` that holds something else."""
    if not isinstance(values, list | tuple | np.ndarray) or (isinstance(values, np.ndarray) and values.ndim != 1):
        raise InputError(f"{path}: {key} must be a list of names, is a {type(values).__name__}; get the file again")
    return [str(value) for value in values]


def _opened(path: Path) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}){_fetch_it(path)}") from None


def _mapped(file: BinaryIO, path: Path) -> mmap:
    if not os.fstat(file.fileno()).st_size:
        raise InputError(f"{path}: not an npy file (it is empty); get it again")
    for access in (ACCESS_COPY, ACCESS_READ):  # what might be changed must fit into the memory
        with suppress(OSError):
            return mmap(file.fileno(), 0, access=access)
    raise InputError(f"{path}: cannot be mapped into memory; move it to a local disk")


def _header(file: BinaryIO | mmap, path: Path) -> tuple[Any, bool, np.dtype]:
    try:
        return HEADERS[np.lib.format.read_magic(file)](file)
    except Exception as error:  # a broken header can fail in any way
        cure = _fetch_it(path) or f" ({_reason(error)}); get it again"
        raise InputError(f"{path}: not an npy file{cure}") from None


def _fetch_it(path: Path) -> str:
    """What a stub in place of the file needs; empty if it is none."""
    stub = stub_in(Path(path), parts=False)
    return f": {stub}; {FETCH}" if stub not in ("", MISSING_FILE) else ""


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
