"""npy files that hold pickled dicts, read without running what a pickle may ask for.

The THINGS-EEG2 files are Python dicts saved with numpy, and unpickling is running a program. This reader knows
numpy's array reconstruction and plain containers, and refuses everything else by name.
"""

import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy._core.multiarray import _reconstruct, scalar
from numpy._core.numeric import _frombuffer

from pipeline_lib.common.errors import InputError, listed

HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def load_dict(path: Path) -> dict[str, Any]:
    """The dict that was saved to an npy file with ``np.save(path, dict)``.

    Parameters
    ----------
    path : Path
        An npy file with a pickled dict of arrays, strings, numbers and plain containers.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If the file is missing, truncated, no npy file, holds something other than a dict, or asks for any class or
        function beyond the allowed ones, which is then named and not run.
    """
    with _opened(path) as file:
        if not _header(file, path)[2].hasobject:
            raise InputError(f"{path}: holds a plain array, expected a pickled dict")
        try:
            content = _ArraysAndContainers(file, path).load()
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


def _opened(path: Path) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def _header(file: BinaryIO, path: Path) -> tuple[Any, bool, np.dtype]:
    try:
        return HEADERS[np.lib.format.read_magic(file)](file)
    except (ValueError, KeyError, EOFError) as error:
        raise InputError(f"{path}: not an npy file ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _new_array(*_: Any) -> np.ndarray:
    """The empty array that a pickled state then fills."""
    return _reconstruct(np.ndarray, (0,), b"b")


def _new_dtype(code: str, *_: Any) -> np.dtype:
    """A simple data type of its own: numpy's shared ones must not be changed by a pickled state."""
    dtype = np.dtype(str(code), False, True)
    if dtype.names or dtype.subdtype:
        raise TypeError("only simple data types are read")
    return dtype


ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): "the class of arrays, an argument of _reconstruct",
    ("numpy", "dtype"): _new_dtype,
} | {
    (module, name): function
    for core in ("numpy._core", "numpy.core")  # numpy 2 and numpy 1
    for module, name, function in (
        (f"{core}.multiarray", "_reconstruct", _new_array),
        (f"{core}.multiarray", "scalar", scalar),
        (f"{core}.numeric", "_frombuffer", _frombuffer),
        ("builtins", "set", set),
        ("builtins", "frozenset", frozenset),
    )
}


class _ArraysAndContainers(pickle._Unpickler):
    """An unpickler for numpy arrays and plain containers.

    The allow-list alone is not enough: a pickled state can strip a data type of the mark that its elements are
    objects, and numpy then takes the file's bytes for memory addresses. So data types are copies, and their states
    are checked. That needs the Python unpickler, whose instructions can be overridden; big arrays cost no more in it.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        super().__init__(file)
        self.path = path

    def find_class(self, module: str, name: str) -> Any:
        """The allowed function of this name; anything else is refused, not imported."""
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise InputError(
                f"{self.path}: refused, nothing was run: the pickle asks for {module}.{name}; "
                "only numpy arrays and plain containers are read"
            ) from None

    def load_build(self) -> None:
        """Give the object on top of the stack its pickled state, if it is an array or a data type unchanged by it."""
        target, state = self.stack[-2:]
        if isinstance(target, np.dtype) and not _keeps_layout(target, state):
            raise InputError(f"{self.path}: refused: the pickle redefines numpy's data type {target.str!r}")
        if not isinstance(target, np.dtype | np.ndarray):
            raise InputError(f"{self.path}: refused: the pickle sets the state of a {type(target).__name__}")
        super().load_build()

    dispatch = pickle._Unpickler.dispatch | {pickle.BUILD[0]: load_build}


def _keeps_layout(dtype: np.dtype, state: Any) -> bool:
    """True if `state` says of a simple `dtype` what is so: no fields, its size, alignment and flags."""
    if not isinstance(state, tuple) or len(state) != 8:
        return False
    _, _, subdtype, names, fields, size, alignment, flags = state
    simple = subdtype is None and names is None and fields is None
    return simple and size in (-1, dtype.itemsize) and alignment in (-1, dtype.alignment) and flags == dtype.flags
