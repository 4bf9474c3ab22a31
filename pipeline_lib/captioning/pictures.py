"""Images read and decoded ahead by threads, while the model writes about earlier ones."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from pipeline_lib.stimuli.images import with_image

Item = TypeVar("Item")
Result = TypeVar("Result")

DECODERS = min(4, os.cpu_count() or 1)
# No model sees more than a few million pixels; a batch of 64 images of this size is 0.8 GB.
MOST_PIXELS = 1 << 22


def read_picture(path: Path) -> np.ndarray:
    """A picture for a captioner, made smaller by the mean over areas where it is larger than any model looks at."""
    return with_image(path, _made_smaller)


def _made_smaller(rgb: np.ndarray) -> np.ndarray:
    height, width = rgb.shape[:2]
    shrink = (MOST_PIXELS / (height * width)) ** 0.5
    if shrink >= 1:
        return rgb
    return cv2.resize(rgb, (max(1, int(width * shrink)), max(1, int(height * shrink))), interpolation=cv2.INTER_AREA)


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
