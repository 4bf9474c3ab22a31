"""An unpickler that knows numpy's arrays and plain containers, and leaves the numbers of big arrays on the disk.

Unpickling is running a program. This one calls a handful of known functions and refuses everything else by name.
"""

import math
import pickle
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core.multiarray import _reconstruct, scalar

from pipeline_lib.common.errors import InputError

MAPPED_FROM = 2**16  # bytes; what pickle itself writes outside its frames


def unpickled(mapped: mmap, path: Path) -> Any:
    """The object that is pickled in a mapped file from its current position on.

    Parameters
    ----------
    mapped : mmap
        Arrays of 64 KiB and more are views on it, which keep it open.
    path : Path
        For errors.

    Raises
    ------
    InputError
        If the pickle asks for anything but arrays and plain containers, which is then named and not run.
    Exception
        Of any kind, if the pickle is truncated or damaged.
    """
    return _ArraysAndContainers(mapped, path).load()


def _new_array(*_: Any) -> np.ndarray:
    """The empty array that a pickled state then fills."""
    return _reconstruct(np.ndarray, (0,), b"b")


def _new_dtype(code: str, *_: Any) -> np.dtype:
    """A simple data type of its own: numpy's shared ones must not be changed by a pickled state."""
    dtype = np.dtype(str(code), False, True)
    if dtype.kind not in "biufcSUVO" or dtype.names or dtype.subdtype:
        raise TypeError("only simple data types are read")
    return dtype


def _array_on(buffer: Any, dtype: np.dtype, shape: tuple[int, ...], order: str, *_: Any) -> np.ndarray:
    """The array whose elements are all of `buffer`: bytes, a bytearray or a part of the mapped file."""
    if not isinstance(buffer, bytes | bytearray | memoryview):
        raise TypeError(f"a {type(buffer).__name__} is no bytes")
    if not isinstance(dtype, np.dtype) or dtype.hasobject or not _fits(shape, len(buffer), dtype.itemsize):
        raise ValueError(f"{len(buffer)} bytes for an array of shape {shape} of {dtype}")
    return np.ndarray(shape, dtype, buffer, order=order)


def _fits(shape: Any, length: int, itemsize: int) -> bool:
    return all(isinstance(n, int) and n >= 0 for n in shape) and math.prod(shape) * itemsize == length


ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): "the class of arrays, an argument of _reconstruct",
    ("numpy", "dtype"): _new_dtype,
} | {
    (module, name): function
    for core in ("numpy._core", "numpy.core")  # numpy 2 and numpy 1
    for module, name, function in (
        (f"{core}.multiarray", "_reconstruct", _new_array),
        (f"{core}.multiarray", "scalar", scalar),
        (f"{core}.numeric", "_frombuffer", _array_on),
        ("builtins", "set", set),
        ("builtins", "frozenset", frozenset),
    )
}


class _ArraysAndContainers(pickle._Unpickler):
    """An unpickler for numpy arrays and plain containers.

    The allow-list alone is not enough: a pickled state can strip a data type of the mark that its elements are
    objects, and numpy then takes the file's bytes for memory addresses. So data types are copies, and all states are
    checked. That needs the Python unpickler, whose instructions can be overridden; big arrays cost nothing in it.
    """

    def __init__(self, mapped: mmap, path: Path) -> None:
        super().__init__(mapped)
        self.mapped = mapped
        self.view = memoryview(mapped)
        self.path = path

    def find_class(self, module: str, name: str) -> Any:
        """The allowed function of this name; anything else is refused, not imported."""
        try:
            return ALLOWED[module, name]
        except KeyError:
            old = "; a file of pickle protocol 2 or older: save it again with numpy.save" if self.proto < 3 else ""
            raise InputError(
                f"{self.path}: refused, nothing was run: the pickle asks for {module}.{name}; "
                f"only numpy arrays and plain containers are read{old}"
            ) from None

    def load_build(self) -> None:
        """Give the object on top of the stack its pickled state: a new array, or a data type that stays what it is."""
        target, state = self.stack[-2:]
        if isinstance(target, np.dtype):
            if not _keeps_layout(target, state):
                raise InputError(f"{self.path}: refused: the pickle redefines numpy's data type {target.str!r}")
            super().load_build()
        elif isinstance(target, np.ndarray) and not target.size:  # once filled, others may point into its memory
            self._fill(target, state)
        else:
            raise InputError(f"{self.path}: refused: the pickle sets the state of a {type(target).__name__}")

    def _fill(self, target: np.ndarray, state: Any) -> None:
        _, shape, dtype, fortran, elements = state
        if not isinstance(elements, memoryview):
            itemsize = 1 if isinstance(elements, list) else dtype.itemsize
            if not _fits(shape, len(elements), itemsize):
                raise ValueError(f"{len(elements)} bytes or objects for an array of shape {shape} of {dtype}")
            super().load_build()
            return
        array = _array_on(elements, dtype, shape, "F" if fortran else "C")
        self.stack[-2:] = [array]
        for key in [key for key, value in self.memo.items() if value is target]:
            self.memo[key] = array

    def load_frame(self) -> None:
        """Frames group small reads from a pipe; without them the file's position is that of the instruction."""
        self.read(8)

    def load_binbytes(self) -> None:
        """Bytes, such as an array's elements in protocols 3 and 4."""
        self.append(self._bytes(length_of=4))

    def load_binbytes8(self) -> None:
        """Bytes of 4 GiB and more."""
        self.append(self._bytes(length_of=8))

    def load_bytearray8(self) -> None:
        """A bytearray, such as an array's elements in protocol 5."""
        elements = self._bytes(length_of=8)
        self.append(bytearray(elements) if isinstance(elements, bytes) else elements)

    def _bytes(self, length_of: int) -> bytes | memoryview:
        """The next bytes; many that an array is about to be made of are left where they are."""
        length = int.from_bytes(self.read(length_of), "little")
        start = self.mapped.tell()
        if start + length > len(self.view):
            raise EOFError(f"{start + length - len(self.view)} bytes are missing")
        if length < MAPPED_FROM or not self._making_array():
            return self.read(length)
        self.mapped.seek(start + length)
        return self.view[start : start + length]

    def _making_array(self) -> bool:
        """True between a new array and its state's elements, or a call of _frombuffer and its first argument."""
        below = self.metastack[-1][-1:] if self.metastack else []
        state_so_far = len(self.stack) == 4 and isinstance(self.stack[2], np.dtype)
        return bool(below) and ((isinstance(below[0], np.ndarray) and state_so_far) or below[0] is _array_on)

    dispatch = pickle._Unpickler.dispatch | {
        pickle.BUILD[0]: load_build,
        pickle.FRAME[0]: load_frame,
        pickle.BINBYTES[0]: load_binbytes,
        pickle.BINBYTES8[0]: load_binbytes8,
        pickle.BYTEARRAY8[0]: load_bytearray8,
    }
    del dispatch[pickle.READONLY_BUFFER[0]]  # a view of any object's memory


def _keeps_layout(dtype: np.dtype, state: Any) -> bool:
    """True if `state` says of a simple `dtype` what is so: no fields, its size, alignment and flags."""
    if not isinstance(state, tuple) or len(state) != 8:
        return False
    _, _, subdtype, names, fields, size, alignment, flags = state
    simple = subdtype is None and names is None and fields is None
    return simple and size in (-1, dtype.itemsize) and alignment in (-1, dtype.alignment) and flags == dtype.flags
