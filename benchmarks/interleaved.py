"""Times of things that are compared: measured in turns, so that what else a machine does falls on all of them alike."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from random import Random
from statistics import median

from benchmarks.reporting import rounded


@dataclass(frozen=True)
class Times:
    """How long each run of one thing took.

    Attributes
    ----------
    wall : list of float
        Seconds by the clock.
    processor : list of float
        Seconds of processor time, over all threads of this process; other processes add little to it.
    """

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def measure(self, function: Callable[[], object]) -> None:
        """Run it once."""
        wall, processor = time.perf_counter(), time.process_time()
        function()
        self.wall.append(time.perf_counter() - wall)
        self.processor.append(time.process_time() - processor)

    def figures(self) -> dict[str, float]:
        """The medians."""
        medians = {"seconds": rounded(median(self.wall)), "processor_seconds": rounded(median(self.processor))}
        return {**medians, "rounds": len(self.wall)}

    def over(self, other: "Times") -> dict[str, float]:
        """How many times as long as `other` it takes, by the medians."""
        return {
            "times": rounded(median(self.wall) / median(other.wall)),
            "processor_times": rounded(median(self.processor) / median(other.processor)),
        }


def interleaved(
    cases: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    turns: Mapping[str, int] | None = None,
    seconds: float = inf,
) -> dict[str, Times]:
    """Run every case once unmeasured, then all of them in each round, in an order drawn anew.

    Parameters
    ----------
    cases : mapping of str to callable
    rounds : int
    turns : mapping of str to int, optional
        How often a case is run in a round. Defaults to once.
    seconds : float
        When they have gone by, no further round but the first begins.
    """
    times = {name: Times() for name in cases}
    draw, start = Random(0), time.perf_counter()
    for function in cases.values():
        function()
    order = [name for name in cases for _ in range((turns or {}).get(name, 1))]
    for done in range(rounds):
        if done and time.perf_counter() - start > seconds:
            break
        for name in draw.sample(order, len(order)):
            times[name].measure(cases[name])
    return times
