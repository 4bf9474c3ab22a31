"""Where on the head, and when, the responses are strong.

    amplitude(c, w) = √(mean over test images i of (mean over samples t in w of x_i(c, t))²)

x_i is the mean of all trials of image i, whatever a query of the evaluation is.
"""

import numpy as np
import pandas as pd

from pipeline_lib.analysis.context import Context
from pipeline_lib.analysis.segments import map_rows, segments
from pipeline_lib.retrieval.opened_runs import OpenedRun

COLUMNS = ("start", "stop", "ch_name", "x", "y", "amplitude", "unit")
WHITENED, STORED = "noise sd", "as stored"


def topographies(run: OpenedRun, context: Context) -> pd.DataFrame:
    """Amplitude of the test responses in each window of ``analysis.time.width``, by channel.

    Returns
    -------
    DataFrame
        :data:`COLUMNS`: times in seconds from onset, places as :mod:`pipeline_lib.analysis.sensors` has them, and the
        unit of the amplitude: ``noise sd`` where the epochs are whitened, so that a single trial's noise is 1. Empty
        where there is no time axis.
    """
    store = run.store
    if why_no_maps(run):
        return pd.DataFrame(columns=COLUMNS)
    parts = segments(store, context.params.time.width)
    epochs = store.means(test=True).epochs
    found = [root_mean_square(epochs[:, :, part.samples].mean(axis=2)) for part in parts]
    rows = map_rows(parts, store.ch_names, amplitude=np.stack(found))
    return rows.assign(unit=STORED if run.card.whitening == "none" else WHITENED)


def root_mean_square(values: np.ndarray) -> np.ndarray:
    """Over the first axis, in float64."""
    return np.sqrt(np.square(values, dtype=np.float64).mean(axis=0))


def why_no_maps(run: OpenedRun) -> str:
    """Why there is nothing to draw over time; empty where there is."""
    return "" if run.store.sfreq is not None and run.store.n_times > 1 else "the responses have no time axis"
