"""The curve rises where the information is, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline_lib.analysis.time_windows import COLUMNS, time_windows
from pipeline_lib.common.errors import InputError

CLEAR, GUESSED = 0.6, 0.35  # of ten images: information is there, and not


def curves(table, measure="top1"):
    """Values by kind, indexed by the tenth of a second at which the window starts and stops."""
    starts, stops = (table[name].mul(10).round().astype(int) for name in ("start", "stop"))
    rows = zip(table["kind"], starts, stops, table[measure], strict=True)
    return {(kind, start, stop): value for kind, start, stop, value in rows}


def assert_information_lies_in_the_third_tenth(found):
    for (_, start, stop), value in found.items():
        if start <= 2 and stop >= 3:
            assert value >= CLEAR
        else:
            assert value <= GUESSED
    assert len(found) == 16


def test_accuracy_rises_with_the_informative_window_and_falls_behind_it(analysed):
    for run in analysed.runs():
        table = time_windows(run, analysed.context())
        assert tuple(table.columns) == COLUMNS
        assert (table["chance1"] == 0.1).all()
        assert (table["chance5"] == 0.5).all()
        assert_information_lies_in_the_third_tenth(curves(table))
        assert (table["top5"] >= table["top1"]).all()


def test_the_full_window_is_what_evaluate_finds(analysed):
    run = analysed.run()
    similarity, _ = run.match(run.embed(run.responses), "image")
    full = time_windows(run, analysed.context()).iloc[0]
    assert (full["kind"], full["start"], full["stop"]) == ("full", 0, 0.5)
    assert full["top1"] == (similarity.argmax(axis=1) == np.arange(len(similarity))).mean()


def test_times_are_counted_from_onset(analysed):
    run = analysed.run()
    late = replace(run, card=replace(run.card, tmin=-0.1))
    found = curves(time_windows(late, analysed.context()))
    assert [key[1:] for key in found if key[0] == "growing"] == [(0, 1), (0, 2), (0, 3), (0, 4)]
    assert [key[1:] for key in found if key[0] == "sliding"] == [(-1, 0), (0, 1), (1, 2), (2, 3), (3, 4)]
    assert max(found, key=found.get)[1:] != (-1, 0)
    assert found["sliding", 1, 2] >= CLEAR


@pytest.mark.parametrize("which", [0, -1])
def test_a_model_for_each_window_finds_the_same_and_leaves_the_runs_alone(analysed, which):
    def state():
        return {path: path.stat().st_mtime_ns for path in analysed.inputs.runs.rglob("*")}

    before, run = state(), analysed.runs()[which]
    found = curves(time_windows(run, analysed.context(time={"width": 0.2, "retrain": True})))
    assert found.pop(("full", 0, 5)) == curves(time_windows(run, analysed.context()))["full", 0, 5]
    for (_, start, stop), value in found.items():
        assert value >= CLEAR if start <= 2 and stop >= 4 else value <= GUESSED
    assert len(found) == 9
    assert state() == before


def test_responses_without_time_axis_have_no_windows(analysed):
    run = analysed.run()
    for card in (
        replace(run.card, sfreq=None),
        replace(run.card, shapes=replace(run.card.shapes, n_times=1)),
    ):
        table = time_windows(replace(run, card=card), analysed.context())
        assert not len(table)
        assert tuple(table.columns) == COLUMNS


def test_a_window_of_less_than_a_sample_is_refused(analysed):
    context = analysed.context(time={"width": 0.001, "retrain": False})
    with pytest.raises(InputError, match=r"analysis.time.width is 0.001, allowed: at least 0.01, one sample of sub-01"):
        time_windows(analysed.run(), context)
