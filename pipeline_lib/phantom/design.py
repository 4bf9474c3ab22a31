"""When the phantom's pictures are shown: rapid serial visual presentation, as in THINGS-EEG2."""

import numpy as np

SFREQ = 1000.0  # Hz
SOA = 200  # samples from one picture to the next
SEQUENCE_LENGTH = 20  # pictures without a pause
PAUSE = 500  # samples without a picture after each sequence
LEAD = 1000  # samples before the first picture
TAIL = 1500  # samples after the last one: its epoch must fit
TARGET_CODE = 99999
EXTRA_SHARE = 0.02  # of the pictures are shown once more than planned: real recordings hold such trials


def event_codes(rng: np.random.Generator, n_pictures: int, repeats: int, target_share: float) -> np.ndarray:
    """The codes of one recording in the order of presentation.

    Parameters
    ----------
    rng : numpy.random.Generator
        Decides the order, the targets' places, and which pictures come once more.
    n_pictures : int
        Codes 1 to `n_pictures`.
    repeats : int
        Times each is shown: every picture once, then every picture again in another order, and so on.
    target_share : float
        Share of all events that are targets.

    Returns
    -------
    ndarray of int64, shape (n_events,)
    """
    n_extra = max(1, round(EXTRA_SHARE * n_pictures))
    extra = rng.choice(n_pictures, size=n_extra, replace=False)
    rounds = [rng.permutation(n_pictures) for _ in range(repeats - 1)]
    last = rng.permutation(np.concatenate([np.arange(n_pictures), extra]))
    shown = np.concatenate([*rounds, last]) + 1
    n_targets = round(len(shown) * target_share / (1 - target_share))
    return np.insert(shown, rng.integers(0, len(shown) + 1, n_targets), TARGET_CODE)


def event_onsets(n_events: int) -> np.ndarray:
    """The sample at which each event starts, shape (n_events,)."""
    event = np.arange(n_events)
    return LEAD + SOA * event + PAUSE * (event // SEQUENCE_LENGTH)


def recording_length(onsets: np.ndarray) -> int:
    """How many samples a recording with these onsets has."""
    return int(onsets[-1]) + TAIL
