"""Smaller batches where memory does not suffice, without losing what is done."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.notices import notice

Item = TypeVar("Item")
Result = TypeVar("Result")

# torch raises plain RuntimeErrors where the CPU's memory, or that of a GPU library, is exhausted.
SIGNS = ("not enough memory", "can't allocate memory", "out of memory", "ALLOC_FAILED")


def is_exhaustion(error: BaseException) -> bool:
    """Whether an error says that there is too little memory."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)


class BatchLimit:
    """How many items fit into memory at once: learned from failing.

    Parameters
    ----------
    size : int
        To begin with.
    cure : str
        What to do where not even one item fits.

    Attributes
    ----------
    size : int
        At most so many; halved when memory does not suffice, and never raised again.
    """

    def __init__(self, size: int, cure: str) -> None:
        self.size, self._cure = size, cure

    def in_parts(
        self, items: Sequence[Item], work: Callable[[Sequence[Item]], Result]
    ) -> Iterator[tuple[Sequence[Item], Result]]:
        """Work on all items, as many at once as fit.

        Yields
        ------
        items : sequence
            A part of `items`, in order.
        result
            What `work` made of it, as soon as it is there.

        Raises
        ------
        InputError
            If one item alone does not fit.
        """
        start = 0
        while start < len(items):
            part = items[start : start + self.size]
            try:
                result = work(part)
            except (RuntimeError, MemoryError) as error:
                if not is_exhaustion(error):
                    raise
            else:
                yield part, result
                start += len(part)
                continue
            # Outside the except block: the error holds on to the tensors that did not fit.
            self._halve(len(part))

    def _halve(self, failed: int) -> None:
        _release()
        if failed == 1:
            raise InputError(f"one image at a time does not fit into memory; {self._cure}")
        self.size = failed // 2
        notice(f"out of memory with {failed} images at once, going on with {self.size}")


def _release() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
