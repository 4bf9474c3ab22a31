"""The saliency extraction over many files, on all cores.

Threads are enough: decoding, filters and compression leave Python's lock. Each worker also writes what it has made, so
that nothing piles up in memory, however many pictures there are.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import cv2
import PIL.Image

from pipeline_lib.stimuli.images import load_image
from pipeline_lib.stimuli.params import VseParams
from pipeline_lib.stimuli.saliency import Saliency
from pipeline_lib.stimuli.views import CHUNK, ViewWriter
from pipeline_lib.stimuli.vse import extract_saliency

KEPT_BLOCKS = 16  # of Pillow's memory, 16 MiB each at most

Item = TypeVar("Item")
Result = TypeVar("Result")


def write_views(
    path: Path, image_ids: Sequence[str], files: Sequence[Path], params: VseParams, *, threads: int = 0
) -> Iterator[str]:
    """Write the view store of a study.

    Parameters
    ----------
    path : Path
        The store.
    image_ids : sequence of str
        Names of the images.
    files : sequence of Path
        Their files, in the same order.
    params : VseParams
        The method's settings.
    threads : int
        Worker threads. Defaults to 0: one for each core. They change no byte of the store.

    Yields
    ------
    str
        The id of each image that is done, in order. The store is there when the iteration is over.

    Raises
    ------
    InputError
        For the first file that does not decode, or whose size differs from the first one's where `params.size` is None.
    """
    side = params.size or 0
    shape = (side, side) if side or not files else load_image(files[0], None).shape[:2]
    with ViewWriter(path, image_ids, shape, params.model_dump(mode="json")) as writer:

        def work(start: int) -> list[str]:
            rows = slice(start, start + CHUNK)
            writer.put(start, [saliency_of_file(file, params) for file in files[rows]])
            return list(image_ids[rows])

        for done in in_threads(work, range(0, len(files), CHUNK), threads=threads):
            yield from done


def saliency_of_file(file: Path, params: VseParams) -> Saliency:
    """Read `file`, bring it to `params.size` and extract its saliency."""
    return extract_saliency(load_image(file, params.size), params)


def in_threads(function: Callable[[Item], Result], items: Sequence[Item], *, threads: int = 0) -> Iterator[Result]:
    """Yield ``function(item)`` of each item, in order, computed by several threads.

    Parameters
    ----------
    function : callable
        Its results wait until their turn has come: they should be small.
    items : sequence
        Its arguments.
    threads : int
        Defaults to 0: one for each core.

    Raises
    ------
    Exception
        Of the first item, in order, for which `function` raised one. When it arrives no thread is at work any more.
    """
    with steady_libraries(), ThreadPoolExecutor(threads or _cores()) as pool:
        results = [pool.submit(function, item) for item in items]
        try:
            for result in results:
                yield result.result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def steady_libraries() -> Iterator[None]:
    """Tune OpenCV and Pillow to many pictures in a row; neither setting changes a result.

    OpenCV starts no threads of its own inside ours, where they would get in each other's way, and Pillow keeps the
    memory of one picture for the next: getting it anew from the system can take longer than decoding.
    """
    opencv_threads, pillow_blocks = cv2.getNumThreads(), PIL.Image.core.get_blocks_max()
    cv2.setNumThreads(1)
    PIL.Image.core.set_blocks_max(KEPT_BLOCKS)
    try:
        yield
    finally:
        cv2.setNumThreads(opencv_threads)
        PIL.Image.core.set_blocks_max(pillow_blocks)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
