"""What preprocessing took from a person's recordings, kept so that other recordings can be treated alike.

In a model's folder it lies in ``preprocessing.safetensors``, in float64: ``whitening/<subject>/<session>``,
``mean/<subject>`` and ``scale/<subject>``; the metadata name each subject's sessions and their files.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from pipeline_lib.common.errors import InputError, bad_value

FILE = "preprocessing.safetensors"
SESSIONS = "sessions"
CURE = "train the model again with 'dvc repro'"


@dataclass(frozen=True)
class Fitted:
    """What was fitted to one person's training trials.

    Attributes
    ----------
    matrices : mapping of int to ndarray of float64, shape (n_channels, n_channels)
        W of each session, :class:`~pipeline_lib.recordings.whitening.Whitening`. Defaults to none: not whitened.
    mean, scale : ndarray of float64, shape (n_channels,), or None
        Of the whitened trials, which were z-scored by them. Default to None: they were not.
    sessions : mapping of int to list of str
        The files that each session was read from, relative to the person's folder. Defaults to none: not known.
    """

    matrices: Mapping[int, np.ndarray] = field(default_factory=dict)
    mean: np.ndarray | None = None
    scale: np.ndarray | None = None
    sessions: Mapping[int, list[str]] = field(default_factory=dict)

    @property
    def conditions(self) -> dict[int, float]:
        """The condition number of the noise covariance Σ = W⁻² behind each session's W."""
        return {session: _condition(w) for session, w in self.matrices.items()}


def _condition(w: np.ndarray) -> float:
    """Largest by smallest eigenvalue of W⁻², channels that W leaves as they are (no variance) left out."""
    alive = np.flatnonzero((w != np.eye(len(w))).any(axis=1))
    values = np.linalg.eigvalsh(w[np.ix_(alive, alive)])
    return float((values[-1] / values[0]) ** 2) if len(alive) else 1.0


def save_fitted(folder: Path, people: Mapping[str, Fitted]) -> None:
    """Write what was fitted to each of the `people` into a model's `folder`; the same bytes for the same content."""
    tensors = {name: array for subject, fitted in people.items() for name, array in _tensors(subject, fitted)}
    # One entry: the order of several differs from run to run.
    metadata = {SESSIONS: json.dumps({subject: dict(fitted.sessions) for subject, fitted in people.items()})}
    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, folder / FILE, metadata)


def _tensors(subject: str, fitted: Fitted) -> Iterator[tuple[str, np.ndarray]]:
    yield from ((f"whitening/{subject}/{session}", w) for session, w in fitted.matrices.items())
    yield from ((f"{name}/{subject}", getattr(fitted, name)) for name in _scaling(fitted))


def _scaling(fitted: Fitted) -> tuple[str, ...]:
    return () if fitted.mean is None or fitted.scale is None else ("mean", "scale")


def load_fitted(folder: Path, subject: str, *, n_channels: int | None = None) -> Fitted:
    """What was fitted to one of the people a model was trained on.

    Parameters
    ----------
    folder : Path
        The model's folder.
    subject : str
        One of the card's ``trained_on``.
    n_channels : int, optional
        The model's number of channels. Defaults to that of the first tensor.

    Raises
    ------
    InputError
        If the file is missing or damaged, does not know the subject, or a tensor has another form.
    """
    path = folder / FILE
    if not path.is_file():
        raise InputError(f"{path}: no such file; {CURE}")
    try:
        with safe_open(path, framework="numpy") as opened:
            sessions = _sessions_of(opened.metadata() or {}, subject, path)
            names = opened.keys()
            names = [name for name in names if name.split("/")[1:2] == [subject]]
            tensors = {name: opened.get_tensor(name) for name in names}
    except (SafetensorError, OSError, TypeError) as error:  # numpy has not all of its types
        raise InputError(f"{path}: not a whole safetensors file ({error}); {CURE}") from None
    _check_forms(tensors, n_channels, path)
    if (f"mean/{subject}" in tensors) != (f"scale/{subject}" in tensors):
        raise InputError(f"{path}: of mean/{subject} and scale/{subject} one is missing; {CURE}")
    matrices = {int(name.split("/")[2]): tensors[name] for name in names if name.startswith("whitening/")}
    mean, scale = (tensors.get(f"{name}/{subject}") for name in ("mean", "scale"))
    return Fitted(dict(sorted(matrices.items())), mean, scale, sessions)


def _sessions_of(metadata: Mapping[str, str], subject: str, path: Path) -> dict[int, list[str]]:
    try:
        people = json.loads(metadata[SESSIONS])
        known = {name: {int(number): list(files) for number, files in each.items()} for name, each in people.items()}
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        raise InputError(f"{path}: its metadata do not name sessions and files; {CURE}") from None
    if subject not in known:
        raise bad_value("subject", subject, known, where=str(path))
    return known[subject]


def _check_forms(tensors: Mapping[str, np.ndarray], n_channels: int | None, path: Path) -> None:
    for name, array in tensors.items():
        kind, *parts = name.split("/")
        size = n_channels or (len(array) if array.ndim else 0)
        wanted = {"whitening": (size, size), "mean": (size,), "scale": (size,)}.get(kind)
        if array.dtype != np.float64 or array.shape != wanted or not np.isfinite(array).all():
            raise InputError(
                f"{path}: {name} is {array.dtype} of shape {array.shape}, expected finite float64 of shape {wanted}; "
                f"{CURE}"
            )
        if kind == "scale" and not (array > 0).all():
            raise InputError(f"{path}: {name} must be positive; {CURE}")
        if kind == "whitening" and not (np.allclose(array, array.T) and np.linalg.eigvalsh(array)[0] > 0):
            raise InputError(f"{path}: {name} is no whitening matrix, which is symmetric and positive definite; {CURE}")
        if kind == "whitening" and not (len(parts) == 2 and parts[1].isdecimal()):
            raise InputError(f"{path}: {name} names no session; {CURE}")
