"""Accuracy without the sensors over one region of the head, and by them alone (HMAVD, figure 7 B).

The sensors that a model does not get are masked, :mod:`pipeline_lib.analysis.masking`. They are masked where they enter
the model, as the paper takes them away, so behind the whitening: a whitened channel holds what its own sensor adds to
all others (the symmetric whitening stays as near to the sensors as any can), and has had taken out of it what they
share. Taken away before the whitening they would cost several times as much, everywhere: the whitening amplifies what
it had otherwise cancelled, and the model meets noise that it never saw (phantom, intra-subject, top-1 0.51: without
occipital 0.44 behind and 0.18 before the whitening, without parietal 0.37 and 0.09, in the same order). What a region
costs is what is found there and nowhere else, given the rest; a region of many sensors is charged for all of them.

A response travels: what is over the occiput at 100 ms is over the temporal lobe at 350 ms. So the same is asked of the
whole epoch and of its first part alone.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pipeline_lib.analysis.context import Context
from pipeline_lib.analysis.masking import ACCURACIES, accuracy, masked, mean_response
from pipeline_lib.analysis.sensor_groups import REGIONS, regions_of
from pipeline_lib.common.errors import bad_value
from pipeline_lib.retrieval.opened_runs import OpenedRun

COLUMNS = ("kind", "region", "n_channels", *ACCURACIES)


def regions(run: OpenedRun, context: Context) -> pd.DataFrame:
    """Accuracy by all sensors, without each region, and by each region only.

    Returns
    -------
    DataFrame
        Columns ``kind`` (all, without, only), ``region`` (empty for all), ``n_channels`` (that are left), ``top1``,
        ``top5``, ``chance1``, ``chance5``; no rows where the names of the channels do not tell where they lie. Channels
        without a region are in all and in every ``without``.
    """
    return _accuracies(run, context, np.ones(run.card.shapes.n_times, dtype=bool))


def early_regions(run: OpenedRun, context: Context) -> pd.DataFrame:
    """As :func:`regions`, by the samples up to ``analysis.regions.early`` alone.

    Returns
    -------
    DataFrame
        Without rows also where that is null or the responses have no time axis.

    Raises
    ------
    InputError
        If the epoch holds no sample so early.
    """
    early, sfreq = context.params.regions.early, run.card.sfreq
    if early is None or not sfreq or run.card.shapes.n_times == 1:
        return pd.DataFrame(columns=COLUMNS)
    seen = run.card.tmin + np.arange(run.card.shapes.n_times) / sfreq < early
    if not seen.any():
        raise bad_value("analysis.regions.early", early, f"more than {run.card.tmin} s, where {run.subject} starts")
    return _accuracies(run, context, seen)


def _accuracies(run: OpenedRun, context: Context, seen: np.ndarray) -> pd.DataFrame:
    """By the samples that are `seen`, shape (n_times,)."""
    region = np.array([name or "" for name in regions_of(run.card.ch_names)])
    if not region.any():
        return pd.DataFrame(columns=COLUMNS)
    filling = mean_response(run.store)
    rows = [
        {
            "kind": kind,
            "region": name,
            "n_channels": int(kept.sum()),
            **accuracy(run, masked(run.responses, kept[:, None] & seen, filling), context.params.gallery),
        }
        for kind, name, kept in _choices(region)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _choices(region: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    """Kind, region and the channels that are left, shape (n_channels,)."""
    yield "all", "", np.ones(len(region), dtype=bool)
    there = [name for name in REGIONS if name in region]
    yield from (("without", name, region != name) for name in there)
    yield from (("only", name, region == name) for name in there)
