"""Rows of an epochs store, read when they are asked for: nine persons' single trials would fill a machine's memory."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import zarr

BLOCK_BYTES = 1 << 26


class StoredRows:
    """The training or test part of a store's trials or means.

    Attributes
    ----------
    image_ids : list of str
        What was shown, row by row.
    shape : tuple of int
        (n_rows, n_channels, n_times) of the responses.

    Parameters
    ----------
    group : zarr.Group
        ``trials`` or ``means``.
    image_ids : sequence of str
        The images by their number in the store.
    rows : slice
        Which rows of the group.
    """

    def __init__(self, group: zarr.Group, image_ids: Sequence[str], rows: slice) -> None:
        self._group, self._start, self._stop = group, rows.start, rows.stop
        self._epochs = group["epochs"]
        self.image_ids = [image_ids[image] for image in group["image"][rows]]
        self.shape = (len(self.image_ids), *self._epochs.shape[1:])

    def __len__(self) -> int:
        return len(self.image_ids)

    def column(self, name: str) -> np.ndarray:
        """A column of the group, such as ``session``, shape (n_rows,)."""
        return self._group[name][self._start : self._stop]

    def epochs(self) -> np.ndarray:
        """All responses, float32, of shape :attr:`shape`."""
        return self._epochs[self._start : self._stop].astype(np.float32, copy=False)

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """The responses in pieces of about 64 MiB.

        Yields
        ------
        rows : slice
            Where the piece lies among the rows.
        epochs : ndarray of float32, shape (n_rows of the piece, n_channels, n_times)
        """
        chunk = self._epochs.chunks[0]  # a piece of whole chunks, so that none is read twice
        size = chunk * max(1, BLOCK_BYTES // (4 * chunk * int(np.prod(self.shape[1:]))))
        edges = [self._start, *range(size * (self._start // size + 1), self._stop, size), self._stop]
        for start, stop in pairwise(edges):
            piece = self._epochs[start:stop].astype(np.float32, copy=False)
            yield slice(start - self._start, stop - self._start), piece
