"""Trials that are read and replaced a few at a time, wherever they lie: a subject's may be larger than memory."""

from typing import Protocol

import numpy as np

BLOCK_BYTES = 1 << 21  # worked on at a time: more fall out of the processor's cache


class TrialRows(Protocol):
    """Trials, row by row: an array, or a file that is read and replaced by rows, from several threads at once.

    Attributes
    ----------
    shape : tuple of int
        (n_trials, n_channels, n_times).
    dtype : dtype
        float16, float32 or float64.
    """

    shape: tuple[int, ...]
    dtype: np.dtype

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice | np.ndarray, /) -> np.ndarray: ...

    def __setitem__(self, rows: slice, values: np.ndarray, /) -> None: ...


def slices_of(n_rows: int, epochs: TrialRows) -> list[slice]:
    """Slices that divide `n_rows` of such epochs into blocks of about 2 MB, epochs or covariances of channels."""
    _, n_channels, n_times = epochs.shape
    size = max(1, BLOCK_BYTES // (epochs.dtype.itemsize * n_channels * max(n_channels, n_times)))
    return [slice(start, start + size) for start in range(0, n_rows, size)]


def read_rows(epochs: TrialRows, rows: np.ndarray) -> np.ndarray:
    """The trials of ascending row numbers; without a copy where they are consecutive rows of an array."""
    consecutive = len(rows) and rows[-1] - rows[0] + 1 == len(rows)
    return epochs[rows[0] : rows[-1] + 1] if consecutive else epochs[rows]
