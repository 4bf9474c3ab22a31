"""Whitening and scaling of new trials, by what was fitted to the model's training trials."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Literal, get_args

import numpy as np

from pipeline_lib.common.errors import InputError, bad_value
from pipeline_lib.decoding.parts import Part
from pipeline_lib.decoding.shown import Say
from pipeline_lib.recordings.fitted import Fitted
from pipeline_lib.recordings.params import PreprocessParams
from pipeline_lib.recordings.whitening import noise_covariance, scale_channels, whiten, whitening_of

WhiteningName = Literal["model", "recording", "none"]
WHITENINGS: tuple[WhiteningName, ...] = get_args(WhiteningName)
UNLIKE = 10.0  # so many times stronger or weaker than in training is hardly the same unit
MEASURED = 100  # trials suffice to tell


def treat(
    parts: Sequence[Part], people: Mapping[str, Fitted], params: PreprocessParams, how: WhiteningName, say: Say
) -> None:
    """Whiten and scale the trials, in place, as those of the model were.

    Parameters
    ----------
    parts : sequence of Part
        Finished ones stay as they are.
    people : mapping of str to Fitted
        Those the model was trained on, or the one among them who was recorded.
    params : PreprocessParams
        The model's.
    how : {"model", "recording", "none"}
        ``"model"``: by W of the session that the recording is, or, for a new session, of the mean noise covariance of
        all sessions. ``"recording"``: by the given trials themselves, session by session. ``"none"``: not at all.
    say : callable

    Raises
    ------
    InputError
        If `how` is unknown, or the model's trials were not whitened and it is ``"recording"``.
    """
    if how not in WHITENINGS:
        raise bad_value("--whitening", how, WHITENINGS)
    waiting = [part for part in parts if not part.finished]
    own = any(fitted.matrices for fitted in people.values())
    if how == "recording" and not own:
        raise InputError("--whitening is 'recording', but the model's trials were not whitened; leave it out")
    if how != "model" and len(waiting) < len(parts):
        say(f"trials of an epochs store stay as they were preprocessed: --whitening {how} is not applied to them")
    if how == "none" and own and waiting:
        say("the model's trials were whitened, these are not (--whitening none)")
    if how == "model" and own:
        _whiten_by_model(waiting, people, say)
    elif how == "recording":
        _whiten_by_themselves(waiting, params, say)
    for part in waiting:
        _scale(part, people)
        if how == "model" and (own or any(fitted.scale is not None for fitted in people.values())):
            _say_unlike(part, say)


def mean_whitening(matrices: Sequence[np.ndarray]) -> np.ndarray:
    """W of the mean noise covariance of several sessions: (mean of W_s⁻²)^(−1/2).

    Parameters
    ----------
    matrices : sequence of ndarray, shape (n_channels, n_channels)
        W_s of each session, symmetric. A channel that one of them leaves as it is, because it had no variance there, is
        left as it is.

    Returns
    -------
    ndarray of float64, shape (n_channels, n_channels)
    """
    unit = np.eye(len(matrices[0]))
    inverses = [np.linalg.inv(w) for w in matrices]
    covariance = np.mean([inverse @ inverse for inverse in inverses], axis=0)
    dead = np.any([(w == unit).all(axis=1) for w in matrices], axis=0)
    covariance[dead] = covariance[:, dead] = 0
    return whitening_of((covariance + covariance.T) / 2, where="the model's sessions").matrix


def _whiten_by_model(parts: Sequence[Part], people: Mapping[str, Fitted], say: Say) -> None:
    sessions = [w for fitted in people.values() for w in fitted.matrices.values()]
    for part in parts:
        own = people[part.owner].matrices.get(part.session) if part.owner else None
        if own is not None:
            whiten(part.epochs, own)
            continue
        known = "; ".join(f"{name} {', '.join(map(str, fitted.matrices))}" for name, fitted in people.items())
        say(
            f"{part.recording}: a new session; whitened by the mean noise covariance of the model's {len(sessions)} "
            f"session{'s' if len(sessions) > 1 else ''} ({known}); if it is one of these, name it with --session"
        )
        whiten(part.epochs, mean_whitening(sessions))


def _whiten_by_themselves(parts: Sequence[Part], params: PreprocessParams, say: Say) -> None:
    sessions: dict[str, list[Part]] = {}
    for part in parts:
        name = f"{part.owner} session {part.session}".lstrip() if part.session else part.recording
        sessions.setdefault(name, []).append(part)
    for where, group in sessions.items():
        epochs, number = np.concatenate([part.epochs for part in group]), count()
        shown = [image or f"unknown {next(number)}" for part in group for image in part.frame["shown"]]
        w = _own_matrix(epochs, np.array(shown), params, where)
        say(f"{where}: whitened by the noise of its own {len(epochs)} trials")
        for part in group:
            whiten(part.epochs, w)


def _own_matrix(epochs: np.ndarray, shown: np.ndarray, params: PreprocessParams, where: str) -> np.ndarray:
    try:
        covariance = noise_covariance(epochs, shown, params.whitening.covariance, where=where)
        return whitening_of(covariance, where=where).matrix
    except InputError as error:  # what it says to do is for stage `preprocess`
        raise InputError(f"{str(error).split(';')[0]}; take --whitening model") from None


def _say_unlike(part: Part, say: Say) -> None:
    """The model's noise would have come out of whitening or scaling with deviation 1."""
    deviation = float(np.median(part.epochs[:MEASURED].std(axis=(0, 2), dtype=np.float64)))
    if np.isfinite(deviation) and not 1 / UNLIKE < deviation < UNLIKE:
        say(
            f"{part.recording}: {deviation:.3g} times as strong as the recordings of the model's training; are they in "
            "volts (EEG) or tesla (MEG), and from the same amplifier settings?"
        )


def _scale(part: Part, people: Mapping[str, Fitted]) -> None:
    """Z-score by the owner's mean and scale; for a stranger by the mean of everybody's, and of their variances."""
    chosen = [people[part.owner]] if part.owner else list(people.values())
    scaled = [(fitted.mean, fitted.scale) for fitted in chosen if fitted.mean is not None and fitted.scale is not None]
    if scaled:
        means, scales = zip(*scaled, strict=True)
        mean, scale = np.mean(means, axis=0), np.sqrt(np.mean(np.square(scales), axis=0))
        scale_channels(part.epochs, mean, np.asarray(scales[0]) if len(scales) == 1 else scale)
