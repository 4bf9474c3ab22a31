"""What the order and the times of presentation in the MEG promise."""

import numpy as np
import pytest

from pipeline_lib.phantom.meg_design import (
    CATCH_CODE,
    JITTER,
    LEAD,
    SFREQ,
    SOA,
    TRIALS_PER_RUN,
    run_length,
    run_onsets,
    session_codes,
)

EXP, TEST = np.arange(1, 101), np.arange(101, 111)


@pytest.fixture
def design(small_phantom):
    """The trials of each session: a function of the parameters that differ."""

    def of(session, subject=1, **changes):
        params = small_phantom(**{"modality": "meg", "sessions": 3, "train_repeats": 1, "test_repeats": 4, **changes})
        return session_codes(EXP, TEST, params, subject, session)

    return of


def counts(runs):
    codes, number = np.unique(np.concatenate(runs), return_counts=True)
    return dict(zip(codes.tolist(), number.tolist(), strict=True))


def test_training_pictures_are_dealt_out_and_test_pictures_come_in_every_session(design):
    sessions = [counts(design(session)) for session in (1, 2, 3)]
    exp = [{code for code in shown if code in EXP} for shown in sessions]
    assert sorted(code for shown in exp for code in shown) == EXP.tolist()
    assert [len(shown) for shown in exp] == [34, 33, 33]
    for shown in sessions:
        assert {shown[code] for code in TEST} == {4}
        assert {shown[code] for code in shown if code in EXP} == {1}


def test_training_pictures_may_be_repeated_within_their_session(design):
    shown = counts(design(2, train_repeats=3))
    assert {shown[code] for code in shown if code in EXP} == {3}


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4])
def test_catch_trials_have_their_share(design, share):
    codes = np.concatenate(design(1, target_share=share))
    assert (codes == CATCH_CODE).mean() == pytest.approx(share, abs=0.01)


def test_long_sessions_are_split_into_runs_of_nearly_equal_length(design):
    runs = design(1, test_repeats=90, target_share=0.0)
    lengths = [len(run) for run in runs]
    assert sum(lengths) == 34 + 900
    assert len(runs) == 4
    assert max(lengths) <= TRIALS_PER_RUN
    assert max(lengths) - min(lengths) <= 1


def test_the_order_depends_on_subject_and_session(design):
    orders = [np.concatenate(design(session, subject)).tolist() for session, subject in ((1, 1), (1, 2), (2, 1))]
    assert orders[0] == np.concatenate(design(1, 1)).tolist()
    assert sorted(orders[0]) == sorted(orders[1])
    assert len({tuple(order) for order in orders}) == 3


def test_pictures_follow_each_other_at_uneven_times():
    onsets = run_onsets(np.random.default_rng(0), 300)
    gaps = np.diff(onsets)
    assert onsets[0] == LEAD
    assert (gaps.min(), gaps.max()) == (SOA - JITTER, SOA + JITTER)
    assert run_onsets(np.random.default_rng(0), 1).tolist() == [LEAD]


def test_the_first_and_the_last_epoch_fit():
    onsets = run_onsets(np.random.default_rng(0), 5)
    assert onsets[0] - 0.1 * SFREQ >= 0
    assert onsets[-1] + 1.3 * SFREQ < run_length(onsets)
