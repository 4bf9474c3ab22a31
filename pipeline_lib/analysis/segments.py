"""The epoch in windows that follow one another, for maps."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline_lib.analysis.sensors import flat_positions
from pipeline_lib.analysis.windows import windows_of
from pipeline_lib.recordings.store import EpochsStore


@dataclass(frozen=True)
class Segment:
    """A window of the epoch.

    Attributes
    ----------
    start, stop : float
        Seconds from onset; the stop is excluded.
    samples : slice
        Where it lies in the epoch.
    """

    start: float
    stop: float
    samples: slice


def segments(store: EpochsStore, width: float) -> list[Segment]:
    """The sliding windows of :func:`~pipeline_lib.analysis.windows.windows_of`, in seconds.

    Parameters
    ----------
    store : EpochsStore
        With a time axis.
    width : float
        Seconds.
    """
    step, onset = max(1, round(width * store.sfreq)), round(-store.tmin * store.sfreq)
    found = [window for window in windows_of(store.n_times, onset, step) if window.kind == "sliding"]
    times = [[round(store.tmin + sample / store.sfreq, 9) for sample in (w.first, w.stop)] for w in found]
    return [Segment(*time, slice(w.first, w.stop)) for time, w in zip(times, found, strict=True)]


def map_rows(parts: list[Segment], ch_names: list[str], **values: np.ndarray) -> pd.DataFrame:
    """A row for each window and channel, with the channel's place.

    Parameters
    ----------
    parts : list of Segment
    ch_names : list of str
    **values : ndarray, shape (n_windows, n_channels)
        By the name of their column.

    Returns
    -------
    DataFrame
        Columns start, stop, ch_name, x, y and one for each of `values`; x and y are NaN where no place is known.
    """
    places = np.tile(flat_positions(ch_names), (len(parts), 1))
    columns = {
        "start": np.repeat([part.start for part in parts], len(ch_names)),
        "stop": np.repeat([part.stop for part in parts], len(ch_names)),
        "ch_name": ch_names * len(parts),
        "x": places[:, 0],
        "y": places[:, 1],
    }
    return pd.DataFrame(columns | {name: np.ravel(found) for name, found in values.items()})
