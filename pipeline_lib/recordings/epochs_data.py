"""The trials of a subject on their way from preprocessing to the epochs store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline_lib.recordings.fitted import Fitted
from pipeline_lib.recordings.spool import Spool


@dataclass(frozen=True)
class EpochsData:
    """The trials of a subject, as they are written to a store.

    Attributes
    ----------
    epochs : ndarray or Spool of float32, shape (n_trials, n_channels, n_times)
        In order of recording; n_times is 1 where there is no time axis.
    image_ids : ndarray of str, shape (n_trials,)
        What was shown.
    session : ndarray of int, shape (n_trials,)
        Number of the session.
    test : ndarray of bool, shape (n_trials,)
        Trials of test images.
    ch_names : list of str
        Of the channels.
    sfreq : float or None
        Samples per second; None where unknown.
    tmin : float
        Time of the first sample in seconds from onset.
    subject : str
        Name of the subject.
    whitening : str
        From what it was estimated: ``"own-training-trials"``, ``"own-training-and-test-trials"`` or ``"none"``; for
        trials that were shared whitened, ``"by-those-who-shared-the-trials"``, perhaps followed by one of these.
    provenance : mapping
        Settings that led here; plain values.
    ch_types : list of str
        MNE's types of the channels. Defaults to none: not known.
    fitted : Fitted
        What the trials were whitened and scaled with. Defaults to nothing.
    """

    epochs: np.ndarray | Spool
    image_ids: np.ndarray
    session: np.ndarray
    test: np.ndarray
    ch_names: list[str]
    sfreq: float | None
    tmin: float
    subject: str
    whitening: str
    provenance: Mapping[str, Any]
    ch_types: list[str] = field(default_factory=list)
    fitted: Fitted = field(default_factory=Fitted)
