"""Progress bars with rate and time left; silent when nobody is watching."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def progress(items: Iterable[Item], *, total: int | None = None, label: str = "", unit: str = "item") -> Iterator[Item]:
    """Yield `items`, showing a bar on standard error when that is a terminal.

    Parameters
    ----------
    items : iterable
        What is worked through.
    total : int, optional
        How many there are. Defaults to ``len(items)`` where that is known.
    label : str
        What is being done.
    unit : str
        What one item is called in the rate.
    """
    from tqdm import tqdm

    yield from tqdm(items, total=total, desc=label, unit=unit, file=sys.stderr, disable=not sys.stderr.isatty())
