"""Batches hold everything once, in order, and are not filled ahead of time."""

from pipeline_lib.common.batches import batched


def test_everything_once_in_order():
    assert list(batched(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(batched([], 3)) == []


def test_no_item_is_asked_for_early():
    asked = []
    batches = batched((asked.append(item) or item for item in range(9)), 2)
    assert next(batches) == [0, 1]
    assert asked == [0, 1]
