"""What is worked on ahead comes in order, and never too much of it."""

import threading

import pytest

from pipeline_lib.common.ahead import worked_ahead


def test_results_come_in_order():
    assert list(worked_ahead(range(50), lambda x: x * x, ahead=7, threads=3)) == [x * x for x in range(50)]


def test_work_runs_in_other_threads_beside_the_caller():
    both = threading.Barrier(3, timeout=20)
    results = worked_ahead(range(2), lambda x: (both.wait(), threading.get_ident())[1], ahead=2, threads=2)
    meeting = threading.Thread(target=both.wait)
    meeting.start()
    assert threading.get_ident() not in set(results)
    meeting.join()


def test_no_more_is_begun_than_may_be_ahead():
    begun = []
    results = worked_ahead(range(50), begun.append, ahead=3, threads=1)
    next(results)
    results.close()
    assert len(begun) <= 4


def test_an_error_comes_where_its_result_would():
    results = worked_ahead([1, 0, 2], lambda x: 1 / x, ahead=2)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)
