"""The view store: what the eye makes of each picture, by image id.

One packed zarr store, the same bytes for the same content: arrays ``view`` (n, height, width, 3) and ``saliency``
(n, height, width), both uint8, and the attributes ``image_ids``, whose i-th entry names row i, and ``made_with``, the
settings they were made with.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import zarr
from numpy import ndarray
from zarr.codecs import ZstdCodec

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.joins import rows_of
from pipeline_lib.common.zarr_zip import open_zarr_zip, pack_zarr
from pipeline_lib.stimuli.saliency import Saliency

MADE_WITH = "made_with"
CHUNK = 8  # images; 1.5 MiB at 224 pixels


class ViewWriter:
    """Writes a view store; the file appears when the ``with`` block ends without an exception.

    Parameters
    ----------
    path : Path
        The packed store. The images wait in a folder beside it until then.
    image_ids : sequence of str
        Names of the rows. With none the store holds empty arrays.
    shape : tuple of int
        Height and width of every image.
    made_with : mapping, optional
        Section `vse`, as plain values. Defaults to none: not known.
    """

    def __init__(
        self,
        path: Path,
        image_ids: Sequence[str],
        shape: tuple[int, int],
        made_with: Mapping[str, Any] | None = None,
    ) -> None:
        self._path = path
        self._folder = path.with_name(path.name + ".folder")
        self._image_ids = list(image_ids)
        self._shape = tuple(shape)
        self._made_with = {} if made_with is None else {MADE_WITH: dict(made_with)}

    def __enter__(self) -> Self:
        group = zarr.open_group(self._folder, mode="w", attributes={"image_ids": self._image_ids, **self._made_with})
        self._view = self._create(group, "view", (*self._shape, 3))
        self._saliency = self._create(group, "saliency", self._shape)
        return self

    def put(self, start: int, images: Sequence[Saliency]) -> None:
        """Write the images of the rows from `start` on. Threads may do so at once for different chunks.

        Parameters
        ----------
        start : int
            A multiple of :data:`CHUNK`.
        images : sequence of Saliency
            At most one chunk.

        Raises
        ------
        InputError
            If an image has not the size of the store.
        """
        if start % CHUNK or len(images) > CHUNK:
            raise ValueError(f"{len(images)} images from row {start} on are no chunk of {CHUNK}")
        for row, image in enumerate(images, start):
            self._check_size(self._image_ids[row], image.map.shape)
        rows = slice(start, start + len(images))
        self._view[rows] = np.stack([image.view for image in images])
        self._saliency[rows] = np.stack([image.map for image in images])

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            if error is None:
                pack_zarr(self._folder, self._path)
        finally:
            shutil.rmtree(self._folder)

    def _create(self, group: zarr.Group, name: str, tail: tuple[int, ...]) -> zarr.Array:
        return group.create_array(
            name,
            shape=(len(self._image_ids), *tail),
            chunks=(CHUNK, *(max(1, side) for side in tail)),
            dtype="uint8",
            compressors=ZstdCodec(level=1),
        )

    def _check_size(self, image_id: str, shape: tuple[int, int]) -> None:
        if shape != self._shape:
            size, first = (f"{width} x {height}" for height, width in (shape, self._shape))
            raise InputError(
                f"image {image_id!r} has {size} pixels, the first of the study {first}: with vse.size null all must "
                "have the same; set vse.size to a number of pixels"
            )


class Views:
    """A view store opened for reading; a context manager that closes the file.

    Attributes
    ----------
    image_ids : list of str
        The images it holds, in row order.
    made_with : dict or None
        Section `vse` that they were made with, as plain values; None where the store does not know.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._group = open_zarr_zip(path)
        if "view" not in self._group or "image_ids" not in self._group.attrs:
            raise InputError(f"{path}: no view store; delete it and run 'dvc repro vse' again")
        self.image_ids: list[str] = list(self._group.attrs["image_ids"])
        self.made_with: dict[str, Any] | None = self._group.attrs.get(MADE_WITH)

    def read(self, image_ids: Sequence[str]) -> ndarray:
        """The views I_a of `image_ids`.

        Returns
        -------
        ndarray of uint8, shape (n_images, height, width, 3)
            RGB, in the order asked for.

        Raises
        ------
        InputError
            Naming the ids that the store does not hold.
        """
        return self._rows("view", image_ids)

    def read_saliency(self, image_ids: Sequence[str]) -> ndarray:
        """The maps R_a of `image_ids`: uint8, shape (n_images, height, width); otherwise as :meth:`read`."""
        return self._rows("saliency", image_ids)

    def close(self) -> None:
        """Close the file."""
        self._group.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rows(self, name: str, image_ids: Sequence[str]) -> ndarray:
        rows = rows_of(image_ids, self.image_ids, what=str(self._path))
        wanted, back = np.unique(rows, return_inverse=True)
        return self._group[name].oindex[wanted][back]


def open_views(path: Path) -> Views:
    """Open a view store.

    Raises
    ------
    InputError
        If the file is missing or not whole.
    """
    return Views(path)
