"""What the shown pictures add to a recording: every event starts a response of every dipole, and responses overlap."""

from collections.abc import Mapping

import numpy as np

from pipeline_lib.phantom.design import TARGET_CODE
from pipeline_lib.phantom.person import Response
from pipeline_lib.phantom.sources import Dipoles

RESPONSE_LENGTH = 0.9  # seconds after which every response is over
CHUNK = 64  # events whose responses are computed by one matrix product


def evoked_recording(
    responses: Mapping[str, Response],
    drives: Mapping[str, np.ndarray],
    codes: np.ndarray,
    onsets: np.ndarray,
    n_samples: int,
    sfreq: float,
) -> np.ndarray:
    """A recording without noise.

    Parameters
    ----------
    responses : mapping of str to Response
        A person's, by wave.
    drives : mapping of str to ndarray, shape (n_pictures, n_dipoles)
        Each wave's drive by the picture with event code row + 1.
    codes, onsets : ndarray of int, shape (n_events,)
        What is shown, and from which sample on.
    n_samples : int
        Length.
    sfreq : float
        Sampling frequency in Hz.

    Returns
    -------
    ndarray of float64, shape (n_channels, n_samples)
        Volts or tesla, as the responses' gains.
    """
    gain = np.hstack([response.gain for response in responses.values()])
    courses = np.vstack([time_courses(response.dipoles, sfreq) for response in responses.values()])
    events = np.hstack([event_drives(response, drives[name], codes) for name, response in responses.items()])
    waves = np.einsum("cd,dt->dct", gain, courses)
    evoked = np.zeros((len(gain), n_samples + courses.shape[1]))
    for first in range(0, len(codes), CHUNK):
        chunk = slice(first, first + CHUNK)
        for onset, response in zip(onsets[chunk], np.tensordot(events[chunk], waves, axes=1), strict=True):
            evoked[:, onset : onset + courses.shape[1]] += response
    return evoked[:, :n_samples]


def event_drives(response: Response, drives: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """How strongly each event drives each dipole of one person, shape (n_events, n_dipoles)."""
    own = np.vstack([drives @ response.mixing, response.target])
    return response.common + own[np.where(codes == TARGET_CODE, len(drives), codes - 1)]


def time_courses(dipoles: Dipoles, sfreq: float) -> np.ndarray:
    """Gamma-shaped responses with a peak of 1 at each dipole's latency.

    Parameters
    ----------
    dipoles : Dipoles
        With latency and width in seconds.
    sfreq : float
        Hz.

    Returns
    -------
    ndarray, shape (n_dipoles, n_samples)
        From onset on: (t/l · exp(1 - t/l))^k with k = (l / width)², latency l: zero at onset, and near its peak a
        Gaussian of standard deviation `width`.
    """
    time = np.arange(int(RESPONSE_LENGTH * sfreq)) / sfreq
    relative = time / dipoles.latency[:, None]
    return (relative * np.exp(1 - relative)) ** ((dipoles.latency / dipoles.width) ** 2)[:, None]
