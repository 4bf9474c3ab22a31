"""Which picture the phantom shows when in the MEG: sessions of several runs, as in THINGS-MEG.

Training pictures are dealt out to the sessions, each is shown in one of them alone; test pictures come in all. Pictures
follow each other five times faster than in the real study, so that the files stay small.
"""

import math

import numpy as np

from pipeline_lib.phantom.design import TARGET_CODE
from pipeline_lib.phantom.params import PhantomParams
from pipeline_lib.phantom.streams import Stream, generator

SFREQ = 1200.0  # Hz
DURATION = 0.2  # seconds that a picture stays
SOA, JITTER = 360, 60  # samples from one picture to the next, and how far that varies either way
LEAD, TAIL = 1200, 1920  # samples before the first picture and after the last one: its epoch must fit
TRIALS_PER_RUN = 300  # at most
CATCH_CODE = TARGET_CODE


def session_codes(
    exp: np.ndarray, test: np.ndarray, params: PhantomParams, subject: int, session: int
) -> list[np.ndarray]:
    """What is shown in each run of a session, in the order of presentation.

    Parameters
    ----------
    exp, test : ndarray of int
        The codes of the study's training and test pictures.
    params : PhantomParams
        Sessions, repeats, share of catch trials.
    subject, session : int
        From 1.

    Returns
    -------
    list of ndarray of int
        One per run; :data:`CATCH_CODE` is a catch trial.
    """
    rng = generator(params.seed, Stream.DESIGN, subject, session)
    shown = np.concatenate(
        [np.repeat(exp[session - 1 :: params.sessions], params.train_repeats), np.repeat(test, params.test_repeats)]
    )
    n_catch = round(len(shown) * params.target_share / (1 - params.target_share))
    trials = rng.permutation(np.concatenate([shown, np.full(n_catch, CATCH_CODE)]))
    return np.array_split(trials, math.ceil(len(trials) / TRIALS_PER_RUN))


def run_onsets(rng: np.random.Generator, n_trials: int) -> np.ndarray:
    """The sample at which each trial of a run starts, shape (n_trials,)."""
    gaps = rng.integers(SOA - JITTER, SOA + JITTER, n_trials - 1, endpoint=True)
    return LEAD + np.concatenate([[0], np.cumsum(gaps)])


def run_length(onsets: np.ndarray) -> int:
    """How many samples a run with these onsets has."""
    return int(onsets[-1]) + TAIL
