"""Pictures are read ahead in order, never too many, and never too large."""

import threading

import cv2
import numpy as np
import pytest

from pipeline_lib.captioning import pictures
from pipeline_lib.captioning.pictures import read_picture, worked_ahead
from pipeline_lib.common.errors import InputError


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


@pytest.mark.parametrize(("shape", "kept"), [((40, 50), (40, 50)), ((50, 200), (25, 100)), ((1, 10_000), (1, 5000))])
def test_gigantic_pictures_are_made_smaller(tmp_path, monkeypatch, shape, kept):
    monkeypatch.setattr(pictures, "MOST_PIXELS", 2500)
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), np.full((*shape, 3), (1, 2, 3), np.uint8))
    picture = read_picture(path)
    assert picture.shape == (*kept, 3)
    assert (picture == (3, 2, 1)).all()


def test_a_picture_that_does_not_decode_is_named(tmp_path):
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    with pytest.raises(InputError, match=r"torn\.jpg"):
        next(worked_ahead([tmp_path / "torn.jpg"], read_picture, ahead=1))
