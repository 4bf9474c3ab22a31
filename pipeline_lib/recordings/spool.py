"""Epochs on disk while a subject is preprocessed: a real subject's single trials are 5 GB, and a laptop has 16.

A spool is one file of float32 epochs, one after the other. It is read and written by rows, with plain reads and writes
rather than a memory map, so that what it holds never counts as the process's memory.
"""

import os
from pathlib import Path

import numpy as np

Rows = slice | np.ndarray


class Spool:
    """Rows of epochs in a file, appended at the end, read and replaced like those of an array.

    Parameters
    ----------
    path : Path
        A file that does not exist yet.
    shape : tuple of int
        Of one epoch: (n_channels, n_times).
    """

    dtype = np.dtype(np.float32)

    def __init__(self, path: Path, shape: tuple[int, int]) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        self._epoch_shape = shape
        self._first, self._count = 0, 0

    def __len__(self) -> int:
        return self._count

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_epochs, n_channels, n_times)."""
        return (self._count, *self._epoch_shape)

    @property
    def ndim(self) -> int:
        """Always 3."""
        return 3

    def append(self, epochs: np.ndarray) -> None:
        """Add epochs, shape (n_epochs, n_channels, n_times), at the end."""
        if epochs.shape[1:] != self._epoch_shape:
            raise ValueError(f"epochs of shape {epochs.shape[1:]} do not fit a spool of {self._epoch_shape}")
        if len(epochs):
            self._write(self._count, epochs)
            self._count += len(epochs)

    def part(self, start: int, stop: int) -> "Spool":
        """Rows `start` to `stop` as a spool of their own, over the same file."""
        part = object.__new__(Spool)
        part._file, part._epoch_shape = self._file, self._epoch_shape
        part._first, part._count = self._first + start, stop - start
        return part

    def close(self) -> None:
        """Close the file; neither the spool nor its parts can be read afterwards."""
        os.close(self._file)

    def __getitem__(self, rows: Rows) -> np.ndarray:
        """Read rows given by a slice, an array of numbers, or a mask; float32, shape (n_rows, n_channels, n_times)."""
        numbers = self._numbers(rows)
        epochs = np.empty((len(numbers), *self._epoch_shape), dtype=self.dtype)
        for start, stop in _stretches(numbers):
            self._read(int(numbers[start]), epochs[start:stop])
        return epochs

    def __setitem__(self, rows: Rows, epochs: np.ndarray) -> None:
        """Replace rows."""
        numbers = self._numbers(rows)
        epochs = np.broadcast_to(np.asarray(epochs, dtype=self.dtype), (len(numbers), *self._epoch_shape))
        for start, stop in _stretches(numbers):
            self._write(int(numbers[start]), epochs[start:stop])

    def _numbers(self, rows: Rows) -> np.ndarray:
        return np.arange(self._count)[rows]

    def _offset(self, row: int) -> int:
        return (self._first + row) * self.dtype.itemsize * int(np.prod(self._epoch_shape))

    def _read(self, row: int, target: np.ndarray) -> None:
        view, offset = memoryview(target).cast("B"), self._offset(row)
        while view:
            n_bytes = os.preadv(self._file, [view], offset)
            if not n_bytes:
                raise OSError(f"the file of epochs ends at byte {offset}, more was written")
            view, offset = view[n_bytes:], offset + n_bytes

    def _write(self, row: int, epochs: np.ndarray) -> None:
        view = memoryview(np.ascontiguousarray(epochs, dtype=self.dtype)).cast("B")
        offset = self._offset(row)
        while view:
            n_bytes = os.pwrite(self._file, view, offset)
            view, offset = view[n_bytes:], offset + n_bytes


def _stretches(numbers: np.ndarray) -> list[tuple[int, int]]:
    """Where consecutive row numbers stand in `numbers`: (start, stop) of each stretch."""
    if not len(numbers):
        return []
    breaks = np.flatnonzero(np.diff(numbers) != 1) + 1
    return list(zip([0, *breaks.tolist()], [*breaks.tolist(), len(numbers)], strict=True))
