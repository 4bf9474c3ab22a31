"""Which events of a session become trials, and why the others do not."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
import pandas as pd

from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.recordings.events import resolve_events, select_repeats
from pipeline_lib.recordings.params import PreprocessParams
from pipeline_lib.recordings.recording import CutRun, Run

REPEATS, INCOMPLETE, PEAK_TO_PEAK = "repeats", "incomplete", "peak-to-peak"

AnyRun = Run | CutRun


def planned_runs(
    runs: Sequence[AnyRun], table: StimulusTable, params: PreprocessParams
) -> Iterator[tuple[AnyRun, pd.DataFrame]]:
    """Each run with its events and what is to become of them.

    Repeats are counted over all runs of a session, and drawn before anything is known about the signals: an event that
    later proves incomplete or too large is not replaced by another repeat. Files that hold the repeats of all sessions
    together keep them all.

    Parameters
    ----------
    runs : sequence of Run or CutRun
        Of one subject, by session.
    table : StimulusTable
        The images of the study.
    params : PreprocessParams
        `max_repeats` and `seed` are read.

    Yields
    ------
    run : Run or CutRun
    events : DataFrame
        As :func:`~pipeline_lib.recordings.events.resolve_events` gives it, ``dropped`` completed by ``repeats``.
    """
    for session, group in groupby(runs, key=lambda run: run.session):
        session_runs = list(group)
        chosen = any(isinstance(run, CutRun) and run.all_sessions for run in session_runs)
        events = [resolve_events(run.events(), table, where=str(run.file)) for run in session_runs]
        together = pd.concat(events, keys=range(len(events)))
        for test in (False, True):
            rows = np.flatnonzero((together["dropped"] == "") & (together["test"] == test))
            most = None if chosen else params.max_repeats.test if test else params.max_repeats.train
            codes = together["code"].to_numpy()[rows]
            kept = select_repeats(codes, most, seed=params.seed, session=session, test=test)
            together.iloc[rows[~kept], together.columns.get_loc("dropped")] = REPEATS
        for number, run in enumerate(session_runs):
            yield run, together.loc[number] if len(events[number]) else events[number]
