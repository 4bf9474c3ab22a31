"""The trials of one file on their way to the model."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

COLUMNS = ("recording", "session", "onset", "shown")


@dataclass(frozen=True)
class Part:
    """The trials of one recording.

    Attributes
    ----------
    epochs : ndarray of float32, shape (n_trials, n_channels, n_times)
        In the model's channels, window and rate. What is changed later is changed in place.
    frame : DataFrame
        A row for each trial, columns ``recording`` (the file), ``session`` (its number by the model's files or by the
        user; 0: a new one), ``onset`` (seconds; NaN for cut trials) and ``shown`` (empty where unknown).
    owner : str
        Whose session of the model it is; empty for a new session.
    finished : bool
        Whitened and scaled already, as the trials of an epochs store are.
    """

    epochs: np.ndarray
    frame: pd.DataFrame
    owner: str = ""
    finished: bool = False

    @property
    def recording(self) -> str:
        """The file."""
        return str(self.frame["recording"].iloc[0])

    @property
    def session(self) -> int:
        """Number of the session."""
        return int(self.frame["session"].iloc[0])


def trial_frame(recording: str, session: int, onset: np.ndarray, shown: list[str]) -> pd.DataFrame:
    """The rows of :attr:`Part.frame`."""
    values = (recording, session, np.asarray(onset, dtype=np.float64), shown)
    return pd.DataFrame(dict(zip(COLUMNS, values, strict=True)), columns=list(COLUMNS))
