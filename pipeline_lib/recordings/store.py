"""The epochs store: one zarr file per subject with single trials and, beside them, the mean of each image's trials.

Training rows come first, then test rows, so that either part is one slice; chunks of a few megabytes let ten trials
or all means be read without touching the rest.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.outputs import scratch_beside, written_whole
from pipeline_lib.common.zarr_zip import open_zarr_zip, pack_zarr
from pipeline_lib.recordings.epochs_data import EpochsData
from pipeline_lib.recordings.fitted import Fitted
from pipeline_lib.recordings.stored_fitted import read_fitted, write_fitted
from pipeline_lib.recordings.stored_rows import StoredRows

CHUNK_BYTES = 1 << 22
FLAT_KEYS = {"name": "default", "separator": "."}  # one file per chunk, not four nested folders


@dataclass(frozen=True)
class Responses:
    """Brain responses, row by row.

    Attributes
    ----------
    image_ids : list of str
        What was shown; for means, each image once.
    epochs : ndarray of float32, shape (n_rows, n_channels, n_times)
    repeat : ndarray of int, shape (n_rows,)
        Number of the trial among those of its image, from 0; for means, how many trials were averaged.
    session : ndarray of int, shape (n_rows,)
        Number of the session; -1 for means.
    """

    image_ids: list[str]
    epochs: np.ndarray
    repeat: np.ndarray
    session: np.ndarray


def write_store(path: Path, data: EpochsData, *, dtype: Literal["float32", "float16"] = "float32") -> None:
    """Write a subject's trials and their means per image, whole or not at all, the same bytes for the same trials.

    Parameters
    ----------
    path : Path
        The file.
    data : EpochsData
    dtype : {"float32", "float16"}
        Of the stored single trials; means are float32.

    Raises
    ------
    ValueError
        If lengths differ, there are no trials, or an image is both a training and a test image.
    """
    image_ids, image = _indexed_images(data)
    order = np.argsort(data.test, kind="stable")
    repeat = _repeats(image)
    files = path.with_name(f"{path.name}.store")
    with written_whole(path) as unfinished, scratch_beside(files) as folder:
        root = zarr.open_group(folder / "store", mode="w")
        root.attrs.update(_attributes(data, image_ids))
        write_fitted(root, data.fitted)
        trials, means = root.create_group("trials"), root.create_group("means")
        _write_epochs(trials, len(order), data.epochs.shape[1:], lambda i: data.epochs[order[i]], dtype)
        _write_column(trials, "image", image[order], np.int32)
        _write_column(trials, "session", data.session[order], np.int16)
        _write_column(trials, "repeat", repeat[order], np.int16)
        _write_column(trials, "test", data.test[order], np.bool_)
        rows = np.split(np.argsort(image, kind="stable"), np.cumsum(np.bincount(image))[:-1])
        _write_epochs(means, len(rows), data.epochs.shape[1:], lambda i: _means_of(data.epochs, rows[i]), "float32")
        _write_column(means, "image", np.arange(len(rows)), np.int32)
        _write_column(means, "count", np.bincount(image), np.int32)
        _write_column(means, "test", np.array([data.test[of_image[0]] for of_image in rows]), np.bool_)
        pack_zarr(folder / "store", unfinished)


class EpochsStore:
    """A subject's store, opened for reading; only what is asked for is read.

    Attributes
    ----------
    path : Path
    attrs : dict
        ``image_ids``, ``ch_names``, ``ch_types``, ``sfreq``, ``tmin``, ``subject``, ``whitening``, ``provenance``.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._root = open_zarr_zip(self.path)
        self.attrs = dict(self._root.attrs)
        absent = [name for name in ("trials/epochs", "means/epochs") if name not in self._root]
        absent += [name for name in ("image_ids", "ch_names", "sfreq", "tmin") if name not in self.attrs]
        if absent:
            raise InputError(f"{path}: not an epochs store ({absent[0]} is missing); run 'dvc repro' to make it")

    @property
    def ch_names(self) -> list[str]:
        """Names of the channels."""
        return list(self.attrs["ch_names"])

    @property
    def ch_types(self) -> list[str]:
        """MNE's types of the channels; empty where unknown."""
        return list(self.attrs.get("ch_types", []))

    @property
    def sfreq(self) -> float | None:
        """Samples per second; None where unknown."""
        return self.attrs["sfreq"]

    @property
    def tmin(self) -> float:
        """Time of the first sample in seconds from onset."""
        return self.attrs["tmin"]

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self._root["means/epochs"].shape[1]

    @property
    def n_times(self) -> int:
        """Number of samples per epoch; 1 where there is no time axis."""
        return self._root["means/epochs"].shape[2]

    def fitted(self) -> Fitted:
        """What the trials were whitened and scaled with; an InputError where the store does not know."""
        if (found := read_fitted(self._root)) is None:
            raise InputError(
                f"{self.path}: an epochs store of an older version, which does not say what its trials were whitened "
                "with; delete it and run 'dvc repro' to make it anew"
            )
        return found

    def rows(self, kind: Literal["means", "trials"], test: bool) -> StoredRows:
        """The means or trials of training or test images, opened but not read; see :meth:`means`, :meth:`trials`."""
        group = self._root[kind]
        is_test = group["test"][:]
        first = int(np.searchsorted(is_test, True))
        return StoredRows(group, self.attrs["image_ids"], slice(first, len(is_test)) if test else slice(0, first))

    def means(self, test: bool) -> Responses:
        """The mean over the kept trials of each training or test image."""
        rows = self.rows("means", test)
        return Responses(rows.image_ids, rows.epochs(), rows.column("count"), np.full(len(rows), -1))

    def trials(self, test: bool) -> Responses:
        """The single trials of training or test images: by session, then in order of recording."""
        rows = self.rows("trials", test)
        return Responses(rows.image_ids, rows.epochs(), rows.column("repeat"), rows.column("session"))


def open_store(path: Path) -> EpochsStore:
    """Open a subject's store for reading.

    Raises
    ------
    InputError
        If the file is missing, truncated, or no epochs store.
    """
    return EpochsStore(path)


def _indexed_images(data: EpochsData) -> tuple[list[str], np.ndarray]:
    """The images shown, training images first, each part sorted; and which of them each trial showed."""
    n_trials = len(data.epochs)
    if not n_trials or data.epochs.ndim != 3 or data.epochs.shape[1] != len(data.ch_names):
        raise ValueError(f"epochs have shape {data.epochs.shape}, expected (trials, {len(data.ch_names)}, times)")
    if {len(data.image_ids), len(data.session), len(data.test)} != {n_trials}:
        raise ValueError(f"image_ids, session and test must have one entry for each of the {n_trials} trials")
    train, test = (sorted(set(data.image_ids[data.test == part].tolist())) for part in (False, True))
    if both := set(train) & set(test):
        raise ValueError(f"images are both training and test images: {sorted(both)[:3]}")
    position = {image_id: index for index, image_id in enumerate([*train, *test])}
    return [*train, *test], np.array([position[image_id] for image_id in data.image_ids.tolist()])


def _repeats(image: np.ndarray) -> np.ndarray:
    """How often each trial's image had been shown before."""
    order = np.argsort(image, kind="stable")
    starts = np.cumsum(np.bincount(image)) - np.bincount(image)
    repeat = np.empty(len(image), dtype=np.int64)
    repeat[order] = np.arange(len(image)) - starts[image[order]]
    return repeat


def _attributes(data: EpochsData, image_ids: list[str]) -> dict[str, Any]:
    return {
        "image_ids": image_ids,
        "ch_names": list(data.ch_names),
        "ch_types": list(data.ch_types),
        "sfreq": data.sfreq,
        "tmin": data.tmin,
        "subject": data.subject,
        "whitening": data.whitening,
        "provenance": dict(data.provenance),
    }


def _means_of(epochs: np.ndarray, rows: list[np.ndarray]) -> np.ndarray:
    return np.stack([epochs[of_image].mean(axis=0, dtype=np.float64) for of_image in rows])


def _write_epochs(group: zarr.Group, n_rows: int, shape: tuple[int, ...], read: Any, dtype: str) -> None:
    chunk = min(n_rows, max(1, CHUNK_BYTES // (4 * int(np.prod(shape)))))
    array = group.create_array(
        "epochs",
        shape=(n_rows, *shape),
        chunks=(chunk, *shape),
        dtype=dtype,
        compressors=None,
        chunk_key_encoding=FLAT_KEYS,
    )
    for start in range(0, n_rows, chunk):
        rows = slice(start, start + chunk)
        array[rows] = read(rows)


def _write_column(group: zarr.Group, name: str, values: np.ndarray, dtype: type) -> None:
    group.create_array(name, data=values.astype(dtype), chunks=(len(values),), compressors=None)
