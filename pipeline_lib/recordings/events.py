"""Events: from a trigger channel to the images that were shown, and the repeats that are kept."""

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.common.stimulus_table import NO_EVENT
from pipeline_lib.recordings.epochs import Window
from pipeline_lib.recordings.recording import Partition


def events_from_stim(stim: np.ndarray, *, where: str) -> np.ndarray:
    """Onsets and codes in a trigger channel.

    A code stands for one event however many samples it is held; a change from one code straight to another is a new
    event.

    Parameters
    ----------
    stim : ndarray, shape (n_samples,)
        Zero, or the code of an event.
    where : str
        The recording's file, for the error.

    Returns
    -------
    ndarray of int64, shape (n_events, 2)
        Sample of onset and code, in order of time.

    Raises
    ------
    InputError
        If a value is no whole number.
    """
    onsets = np.flatnonzero((stim != 0) & (np.diff(stim, prepend=0) != 0))
    codes = stim[onsets]
    if not (np.isfinite(codes).all() and (codes == np.round(codes)).all()):
        bad = codes[~(np.isfinite(codes) & (codes == np.round(codes)))]
        raise InputError(f"{where}: the trigger channel holds values that are no event codes: {listed(bad)}")
    return np.stack([onsets, codes.astype(np.int64)], axis=1)


def images_of_codes(codes: np.ndarray, stimuli: pd.DataFrame, *, where: str) -> np.ndarray:
    """The image id that each event code stands for.

    Parameters
    ----------
    codes : ndarray of int, shape (n_events,)
        Event codes of one partition.
    stimuli : DataFrame
        The stimulus table's rows of that partition.
    where : str
        The recording's file, for the error.

    Returns
    -------
    ndarray of str, shape (n_events,)

    Raises
    ------
    InputError
        Naming the codes that stand for no image.
    """
    shown = stimuli[stimuli["event_code"] != NO_EVENT]
    image_of = dict(zip(shown["event_code"], shown["image_id"], strict=True))
    if unknown := sorted(set(codes.tolist()) - set(image_of)):
        known = f"{min(image_of)}..{max(image_of)}" if image_of else "none"
        raise InputError(
            f"{where}: event codes stand for no image of the stimulus table: {listed(unknown)}; known codes: {known}"
        )
    return np.array([image_of[code] for code in codes.tolist()], dtype=np.str_)


def is_complete(onsets: np.ndarray, window: Window, n_samples: int) -> np.ndarray:
    """Whether each epoch lies within a recording of `n_samples`, shape (n_events,)."""
    return (onsets + window.first >= 0) & (onsets + window.last < n_samples)


def select_repeats(codes: np.ndarray, most: int | None, *, seed: int, session: int, partition: Partition) -> np.ndarray:
    """Which events to keep so that no code occurs more than `most` times.

    The draw of a code depends on the seed, the session, the partition and the code alone: neither on the order of
    files nor on what else was recorded.

    Parameters
    ----------
    codes : ndarray of int, shape (n_events,)
        In order of recording.
    most : int or None
        Repeats kept per code; None keeps all.
    seed, session, partition
        What the draw depends on.

    Returns
    -------
    ndarray of int, shape (n_kept,)
        Positions in `codes`, ascending: the kept repeats stay in order of recording.
    """
    if most is None:
        return np.arange(len(codes))
    kept = []
    for code in np.unique(codes):
        repeats = np.flatnonzero(codes == code)
        if len(repeats) > most:
            rng = np.random.default_rng([seed, session, partition == "test", int(code)])
            repeats = rng.choice(repeats, most, replace=False)
        kept.append(repeats)
    return np.sort(np.concatenate(kept)) if kept else np.arange(0)
