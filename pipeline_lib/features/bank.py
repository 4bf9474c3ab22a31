"""The feature bank: one HDF5 file per model, a dataset per view and layer, rows found by image id.

    image_id        (n_images,)       utf-8
    raw/final       (n_images, dim)   float32 or float16
    vse/final       (n_images, dim)
    vse/mean-0.75   (n_images, width) an intermediate layer, by the name that was asked for
    text/final      (n_images, dim)   features of the captions, where there are captions

Row i of every dataset belongs to image_id[i]. The bytes depend on the content alone.

Datasets are cut into chunks of whole images and not compressed. Of 16,740 x 768 features (64 dimensions of signal and
noise; medians of 3 on 2 cores),

    float32  none               51.5 MB   written in 0.13 s   read in 0.04 s
             lzf                51.5 MB              1.6 s            0.06 s
             shuffle, lzf       48.0 MB              1.3 s            0.31 s
             shuffle, gzip 1    44.4 MB              2.5 s            0.23 s
    float16  none               25.8 MB              0.09 s           0.02 s
             shuffle, gzip 1    22.4 MB              2.0 s            0.21 s

so compression takes 6 to 20 times as long for an eighth of the size, and lzf alone gains nothing. Half precision is
the way to a smaller file.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import h5py
import numpy as np

from pipeline_lib.common.errors import InputError, bad_value
from pipeline_lib.common.joins import rows_of

IMAGE_ID = "image_id"
CHUNK = 64  # images


class BankWriter:
    """Writes a bank, whole datasets or some rows of them at a time; a context manager.

    Parameters
    ----------
    path : Path
        Is created, or overwritten.
    image_ids : sequence of str
        The rows of every dataset.
    dtype : str
        Of the stored features, ``"float32"`` or ``"float16"``.
    attributes : mapping of str to str
        How the features were made: model, preprocessing, captions ...
    """

    def __init__(self, path: Path, image_ids: Sequence[str], *, dtype: str, attributes: Mapping[str, str]) -> None:
        encoded = [image_id.encode() for image_id in image_ids]
        self._n_images, self._dtype = len(encoded), np.dtype(dtype)
        self._file = h5py.File(path, "w")
        # Of fixed length: strings of variable length lie in a heap with gaps in it.
        text = h5py.string_dtype("utf-8", max(map(len, encoded), default=1))
        self._file.create_dataset(IMAGE_ID, data=np.array(encoded, dtype=text), track_times=False)
        self._file.attrs.update(sorted(attributes.items()))
        self._written: dict[str, np.ndarray] = {}

    def write(self, dataset: str, features: np.ndarray) -> None:
        """Store a whole dataset: :meth:`write_rows` of every row.

        Raises
        ------
        ValueError
            If there is not one row per image.
        """
        if features.ndim != 2 or len(features) != self._n_images:
            raise ValueError(f"{dataset} must have shape ({self._n_images}, dim), got {features.shape}")
        self.write_rows(dataset, 0, features)

    def write_rows(self, dataset: str, start: int, features: np.ndarray) -> None:
        """Store some rows of a dataset, which is created by its first rows.

        Nothing is kept in memory. Into how many parts the rows are cut changes no byte of the file; the order in which
        datasets are created does.

        Parameters
        ----------
        dataset : str
            ``"<view>/<layer>"``.
        start : int
            The first row.
        features : ndarray, shape (n_rows, dim)
            Finite, and within the range of the stored type.

        Raises
        ------
        InputError
            If a feature is NaN or infinite, as it would be stored.
        ValueError
            If the rows do not fit into the dataset.
        """
        if features.ndim != 2 or not 0 <= start <= start + len(features) <= self._n_images:
            place = f"{dataset}, {self._n_images} rows"
            raise ValueError(f"{place}: features of shape {features.shape} do not fit from row {start} on")
        stored = self._as_stored(dataset, start, features)
        if dataset not in self._written:
            self._create(dataset, features.shape[1])
            self._written[dataset] = np.zeros(self._n_images, dtype=bool)
        if (width := self._file[dataset].shape[1]) != features.shape[1]:
            raise ValueError(f"{dataset} is {width} wide, got rows that are {features.shape[1]} wide")
        rows = slice(start, start + len(features))
        self._file[dataset][rows] = stored
        self._written[dataset][rows] = True

    def _create(self, dataset: str, width: int) -> None:
        shape = (self._n_images, width)
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_obj_track_times(False)
        if all(shape):
            plan.set_chunk((min(CHUNK, self._n_images), width))
            # At once and in order, so that where chunks lie does not depend on when they are written; filled, so that
            # nothing of this process's memory stands behind the last row.
            plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            plan.set_fill_time(h5py.h5d.FILL_TIME_ALLOC)
        links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
        links.set_create_intermediate_group(True)
        space, kind = h5py.h5s.create_simple(shape), h5py.h5t.py_create(self._dtype, logical=True)
        h5py.h5d.create(self._file.id, dataset.encode(), kind, space, plan, links)

    def _as_stored(self, dataset: str, start: int, features: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            stored = np.asarray(features, dtype=self._dtype)
        if not np.isfinite(stored).all():
            row = start + int(np.flatnonzero(~np.isfinite(stored).all(axis=1))[0])
            image_id = self._file[IMAGE_ID].asstr()[row]
            raise InputError(
                f"{dataset}: features of image {image_id} are not finite as {self._dtype}; "
                "check the weights, or set features.dtype to float32"
            )
        return stored

    def _check_complete(self) -> None:
        for dataset, written in self._written.items():
            if not written.all():
                raise ValueError(f"{dataset}: {np.count_nonzero(~written)} rows were never written")

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()
        if error is None:
            self._check_complete()


class FeatureBank:
    """A bank opened for reading; a context manager. Datasets that nobody asks for are not loaded.

    Attributes
    ----------
    path : Path
    image_ids : list of str
        In row order.
    attributes : dict of str to str
        How the features were made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = h5py.File(path, "r")
            self.image_ids: list[str] = self._file[IMAGE_ID].asstr()[:].tolist()
        except FileNotFoundError:
            raise InputError(f"{path}: no such feature file; run 'dvc repro features' first") from None
        except (OSError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path}: not a whole feature file ({error}); delete it and run 'dvc repro' again"
            ) from None
        self.attributes = dict(self._file.attrs)

    def datasets(self) -> list[str]:
        """Names of all feature datasets, such as ``"raw/final"``, sorted."""
        return sorted(f"{view}/{layer}" for view in self._file if view != IMAGE_ID for layer in self._file[view])

    def described(self) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
        """Shape and type of each dataset, as stored; nothing of them is read."""
        return {name: (self._file[name].shape, self._file[name].dtype) for name in self.datasets()}

    def read(self, name: str, image_ids: Sequence[str]) -> np.ndarray:
        """Features of `image_ids`, in the order asked for.

        Parameters
        ----------
        name : str
            One of :meth:`datasets`.
        image_ids : sequence of str
            May repeat.

        Returns
        -------
        ndarray of float32, shape (len(image_ids), dim)

        Raises
        ------
        InputError
            Naming a dataset that is not there (and those that are), or image ids that are not.
        """
        if name not in self.datasets():
            cure = "set features.views, features.layers or caption.source so that it is made"
            raise bad_value("feature dataset", name, self.datasets(), where=str(self.path), cure=cure)
        rows = rows_of(image_ids, self.image_ids, what=str(self.path))
        dataset = self._file[name]
        if not len(rows):
            return np.empty((0, dataset.shape[1]), dtype=np.float32)
        first = rows.min()  # a range of rows is one read, a list of rows one for each
        return dataset[first : rows.max() + 1][rows - first].astype(np.float32, copy=False)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()


def open_bank(path: Path) -> FeatureBank:
    """Open a bank for reading.

    Raises
    ------
    InputError
        If the file is missing or is no feature bank.
    """
    return FeatureBank(path)
