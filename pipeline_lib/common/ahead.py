"""Work done ahead by threads, while the caller is busy with earlier results."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

DECODERS = min(4, os.cpu_count() or 1)


def worked_ahead(
    items: Iterable[Item], work: Callable[[Item], Result], *, ahead: int, threads: int = DECODERS
) -> Iterator[Result]:
    """``work(item)`` of each item in order, done by threads up to `ahead` items before it is asked for.

    What `work` raises is raised where its result is asked for; what waits then is not begun.
    """
    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
