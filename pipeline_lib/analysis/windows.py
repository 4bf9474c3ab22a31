"""Windows of an epoch in steps of one width: growing from onset, shrinking to the end, sliding."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Kind = Literal["full", "growing", "shrinking", "sliding"]


@dataclass(frozen=True)
class Window:
    """Some samples of an epoch.

    Attributes
    ----------
    kind : {"full", "growing", "shrinking", "sliding"}
    first, stop : int
        Samples; the stop is excluded.
    """

    kind: Kind
    first: int
    stop: int


def windows_of(n_times: int, onset: int, step: int) -> Iterator[Window]:
    """All windows of an epoch.

    The whole epoch; from onset on, growing by a step until its end; up to its end, from each step on; and one step
    after the other, those before onset among them. What is left at the end counts as a step of its own from half of
    one on, and belongs to the last step otherwise; what is left at the start is in no sliding window.

    Parameters
    ----------
    n_times : int
        Samples of the epoch.
    onset : int
        The sample at which the image appears; negative in an epoch that starts later, which is taken from its start.
    step : int
        Samples, at least 1.
    """
    onset = min(max(onset, 0), n_times - 1)
    starts = range(onset % step, n_times, step)
    edges = [*(start for start in starts if start == onset or n_times - start >= step / 2), n_times]
    after = [edge for edge in edges if edge >= onset]
    yield Window("full", 0, n_times)
    yield from (Window("growing", after[0], stop) for stop in after[1:])
    yield from (Window("shrinking", first, n_times) for first in after[:-1])
    yield from (Window("sliding", first, stop) for first, stop in pairwise(edges))
