"""Which events become trials."""

import numpy as np
import pandas as pd

from pipeline_lib.recordings.trials import planned_runs
from tests.recordings.made_runs import events_frame, made_run

NOTHING = np.zeros((1, 10))


def planned(runs, table, params):
    return [events for _, events in planned_runs(runs, table, params)]


def test_repeats_are_counted_over_all_runs_of_a_session(table, settings):
    runs = [
        made_run(events_frame((100, 1, "train"), (300, 1, "train"), (500, 1, "test")), NOTHING),
        made_run(events_frame((100, 1, "train"), (300, 2, "train"), (500, 2, "test")), NOTHING),
        made_run(events_frame((100, 1, "train"), (300, 1, "train")), NOTHING, session=2),
    ]
    first, second, third = planned(runs, table, settings(max_repeats={"train": 2, "test": 1}))
    together = pd.concat([first, second])
    kept = together[(together["image_id"] == "train/1") & (together["dropped"] == "")]
    assert len(kept) == 2
    assert (together["dropped"] == "repeats").sum() == 1
    assert (third["dropped"] == "").all()  # another session counts for itself


def test_partitions_are_counted_separately_although_codes_are_the_same(table, settings):
    events = events_frame((100, 1, "train"), (200, 1, "test"), (300, 1, "test"), (400, 1, "train"))
    (result,) = planned([made_run(events, NOTHING)], table, settings(max_repeats={"train": 2, "test": 1}))
    assert result["dropped"].tolist().count("repeats") == 1
    assert result.loc[result["dropped"] == "repeats", "test"].all()


def test_events_that_are_no_trials_use_up_no_repeats(table, settings):
    events = events_frame((100, 99999, "target"), (200, 1, "train"), (300, 99999, "target"))
    (result,) = planned([made_run(events, NOTHING)], table, settings(max_repeats={"train": 1, "test": 1}))
    assert result["dropped"].tolist() == ["target", "", "target"]


def test_a_run_without_events_is_passed_on(table, settings):
    runs = [made_run(events_frame(), NOTHING), made_run(events_frame((100, 1, "train")), NOTHING)]
    empty, full = planned(runs, table, settings())
    assert (len(empty), len(full)) == (0, 1)
    assert len(planned([made_run(events_frame(), NOTHING)], table, settings())[0]) == 0


def test_the_kept_repeats_do_not_depend_on_how_a_session_is_split_into_runs(table, settings):
    onsets = [(100 * i, 1 + i % 3, "train") for i in range(30)]
    whole = planned([made_run(events_frame(*onsets), NOTHING)], table, settings())
    parts = planned(
        [made_run(events_frame(*onsets[:11]), NOTHING), made_run(events_frame(*onsets[11:]), NOTHING)],
        table,
        settings(),
    )
    assert whole[0]["dropped"].tolist() == pd.concat(parts)["dropped"].tolist()
