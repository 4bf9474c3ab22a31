"""Embeddings that people bring in files: .npy, or .pt with a tensor or a mapping of tensors.

Neither is unpickled freely: numpy reads without pickles, torch with its safe loader.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline_lib.common.errors import InputError, bad_value, listed

SUFFIXES = (".npy", ".pt", ".pth")
IMAGE_KEYS = ("img", "image")


@dataclass(frozen=True)
class Embeddings:
    """Rows of embeddings, and where they came from.

    Attributes
    ----------
    source : str
        The file, and the key in it where there are several.
    rows : ndarray of float64, shape (n_items, dim)
    """

    source: str
    rows: np.ndarray


def read_embeddings(path: Path, key: str | None = None, *, option: str = "key") -> Embeddings:
    """Read a matrix of embeddings.

    Parameters
    ----------
    path : Path
        A ``.npy`` file, or a ``.pt`` file with one tensor or a mapping of tensors.
    key : str, optional
        Which tensor of a mapping. Defaults to its only matrix, or else the only one whose name holds ``img`` or
        ``image``.
    option : str
        What the user sets to choose a key, for the error.

    Raises
    ------
    InputError
        If the file is missing, is of another kind, holds no such matrix, or a row is zero or not finite.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise bad_value("the file's ending", path.suffix, SUFFIXES, where=str(path), cure="save as .npy or .pt")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    content = _read_npy(path) if path.suffix.lower() == ".npy" else _read_torch(path)
    if isinstance(content, dict):
        key = key or _only_matrix(path, content, option)
        if key not in content:
            raise bad_value(option, key, map(str, content), where=str(path))
        return Embeddings(f"{path}::{key}", _checked_rows(f"{path}::{key}", content[key]))
    if key:
        raise InputError(f"{path}: holds one matrix without a name; leave {option} {key!r} out")
    return Embeddings(str(path), _checked_rows(str(path), content))


def check_pair(queries: Embeddings, gallery: Embeddings) -> None:
    """Raise InputError unless both have the same shape and at least two rows."""
    if queries.rows.shape != gallery.rows.shape:
        raise InputError(
            f"{queries.source} has {_shape(queries.rows)}, but {gallery.source} has {_shape(gallery.rows)}; row i of "
            "one must match row i of the other"
        )
    if len(queries.rows) < 2:
        raise InputError(f"{queries.source}: has {_shape(queries.rows)}; retrieval needs at least 2 rows")


def _shape(rows: np.ndarray) -> str:
    return f"{rows.shape[0]} rows of {rows.shape[1]} values"


def _read_npy(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{path}: cannot be read as a plain numpy array ({error})") from None


def _read_torch(path: Path) -> Any:
    import torch

    try:
        with warnings.catch_warnings(action="ignore"):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch raises many kinds here; its messages are pages that advise to load unsafely
        raise InputError(
            f"{path}: cannot be read as tensors alone ({type(error).__name__}); save tensors with torch.save, without "
            "objects of other classes"
        ) from None
    if isinstance(content, dict):
        return {str(name): _as_array(value) for name, value in content.items()}
    return _as_array(content)


def _as_array(value: Any) -> Any:
    """A strided tensor as float64 numpy array; anything else as it is."""
    import torch

    if not isinstance(value, torch.Tensor) or value.layout != torch.strided or value.is_complex():
        return value
    return value.detach().double().numpy()


def _only_matrix(path: Path, content: dict[str, Any], option: str) -> str:
    matrices = [name for name, value in content.items() if _matrix(value) is not None]
    images = [name for name in matrices if any(word in name.lower() for word in IMAGE_KEYS)]
    for choice in (matrices, images):
        if len(choice) == 1:
            return choice[0]
    if not matrices:
        raise InputError(f"{path}: holds no matrix of embeddings, only: {listed(content) or 'nothing'}")
    raise InputError(f"{path}: holds several matrices: {listed(matrices)}; choose one with {option}")


def _matrix(value: Any) -> np.ndarray | None:
    """`value` as (n, dim) with axes of length one left out, or None when it is no such thing."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        return None
    if value.ndim > 2:
        value = value.reshape([len(value), *(size for size in value.shape[1:] if size != 1)])
    return value if value.ndim == 2 and value.size else None


def _checked_rows(source: str, value: Any) -> np.ndarray:
    rows = _matrix(value)
    if rows is None:
        kind = f"{value.dtype} of shape {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
        raise InputError(f"{source}: must hold numbers of shape (items, dim), holds {kind}")
    rows = rows.astype(np.float64)
    for name, bad in (("values that are not finite", ~np.isfinite(rows).all(1)), ("only zeros", ~rows.any(1))):
        if bad.any():
            raise InputError(f"{source}: row {int(np.flatnonzero(bad)[0])} of {len(rows)} (from 0) holds {name}")
    return rows
