"""Accuracy against time: how well images are found by a window of the responses.

The windows are those of HMAVD's figure 7 A: growing from onset, shrinking to the end, and sliding. Either the trained
model gets responses that are masked outside the window (:mod:`pipeline_lib.analysis.masking`), which asks when the
model looks, or a model is trained for each window (:mod:`pipeline_lib.analysis.retraining`), which asks when there is
something to be seen.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import torch

from pipeline_lib.analysis.context import Context
from pipeline_lib.analysis.masking import ACCURACIES, accuracy, masked, mean_response
from pipeline_lib.analysis.retraining import retrained, silenced
from pipeline_lib.analysis.windows import windows_of
from pipeline_lib.common.errors import bad_value
from pipeline_lib.retrieval.opened_runs import OpenedRun

COLUMNS = ("kind", "start", "stop", *ACCURACIES)

Scores = dict[str, float]


def time_windows(run: OpenedRun, context: Context) -> pd.DataFrame:
    """Accuracy by each window.

    Returns
    -------
    DataFrame
        Columns ``kind`` (full, growing, shrinking, sliding), ``start`` and ``stop`` (seconds from onset), ``top1``,
        ``top5``, ``chance1``, ``chance5``; no rows where responses have no time axis.

    Raises
    ------
    InputError
        If ``analysis.time.width`` is less than a sample.
    """
    sfreq, n_times = run.card.sfreq, run.card.shapes.n_times
    if not sfreq or n_times == 1:
        return pd.DataFrame(columns=COLUMNS)
    step = round(context.params.time.width * sfreq)
    if step < 1:
        allowed = f"at least {1 / sfreq:.3g}, one sample of {run.subject}"
        raise bad_value("analysis.time.width", context.params.time.width, allowed)
    scores = cache(_retraining(run, context) if context.params.time.retrain else _masking(run, context))
    rows = [
        {
            "kind": window.kind,
            "start": run.card.tmin + window.first / sfreq,
            "stop": run.card.tmin + window.stop / sfreq,
            **scores(window.first, window.stop),
        }
        for window in windows_of(n_times, round(-run.card.tmin * sfreq), step)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _masking(run: OpenedRun, context: Context) -> Callable[[int, int], Scores]:
    """Accuracy of the trained model by the samples of a window."""
    filling = mean_response(run.store)

    def scores(first: int, stop: int) -> Scores:
        kept = np.isin(np.arange(filling.shape[1]), np.arange(first, stop))
        return accuracy(run, masked(run.responses, kept, filling), context.params.gallery)

    return scores


def _retraining(run: OpenedRun, context: Context) -> Callable[[int, int], Scores]:
    """Accuracy of a model that was trained on a window; that of all samples is the run's own."""

    def scores(first: int, stop: int) -> Scores:
        if (first, stop) == (0, run.card.shapes.n_times):
            return accuracy(run, run.responses, context.params.gallery)
        of_window = retrained(run, context, first, stop)
        seen = silenced(torch.from_numpy(run.responses), first, stop).numpy()
        return accuracy(of_window, seen, context.params.gallery)

    return scores
