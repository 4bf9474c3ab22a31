"""Work through many items a few at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Consecutive lists of `size` items, the last one shorter; no item is asked for before its batch is."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
