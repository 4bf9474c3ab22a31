"""Several processes share the images of a stage; a launcher starts them.

    ACCELERATE_USE_CPU=true accelerate launch --multi_gpu --num_processes 2 --num_machines 1 -m stages.caption ...
    accelerate launch --multi_gpu --num_processes 8 -m stages.caption ...
    torchrun --nproc_per_node 2 -m stages.caption ...

Each item is worked on by itself, so which process does so cannot matter: each takes its share, and all get what
everybody made. Training, where a batch is computed together, has its own way (training/distributed.py).
"""

import atexit
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline_lib.common.errors import InputError, bad_value

if TYPE_CHECKING:
    import torch
    from accelerate import PartialState

Item = TypeVar("Item")

NUMBERS = ("RANK", "LOCAL_RANK", "MASTER_PORT")
RENDEZVOUS = (*NUMBERS, "MASTER_ADDR")
# One process may be done hours before another, and waits.
PATIENCE = timedelta(days=30)


@dataclass(frozen=True)
class Group:
    """This process among those that work together; a single one has nobody to talk to and pays nothing.

    Attributes
    ----------
    rank, size : int
        Its number, and how many there are.
    device : torch.device, optional
        On which it computes, where a launcher decided that.
    """

    rank: int = 0
    size: int = 1
    device: "torch.device | None" = None

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    def share(self, items: Sequence[Item]) -> list[Item]:
        """Every `size`-th item: the shares differ by one item at most."""
        return list(items[self.rank :: self.size])

    def everyones(self, value: Item) -> list[Item]:
        """The `value` of each process."""
        if self.size == 1:
            return [value]
        from torch import distributed

        values: list[Any] = [None] * self.size
        distributed.all_gather_object(values, value)
        return values

    def by_the_first(self, work: Callable[[], Item]) -> Item:
        """Let the first process alone do something; all get what came of it.

        Raises
        ------
        InputError
            In every process, where it was raised in the first.
        """
        outcome: Any = None
        if self.first:
            try:
                outcome = work()
            except InputError as error:
                outcome = error
        outcome = self.everyones(outcome)[0]
        if isinstance(outcome, InputError):
            raise outcome
        return outcome


ALONE = Group()


def join_group(*, cpu: bool, module: str) -> Group:
    """Join the processes that a launcher started, for as long as this one lives.

    Parameters
    ----------
    cpu : bool
        Whether to stay off the GPU.
    module : str
        What was started, for the error (``"stages.caption"``).

    Returns
    -------
    Group
        A single process where there is no launcher.

    Raises
    ------
    InputError
        As :func:`launched` does.
    """
    state = launched(cpu=cpu, module=module, timeout=PATIENCE)
    return Group(state.process_index, state.num_processes, state.device) if state else ALONE


def launched(*, cpu: bool, module: str, timeout: timedelta | None = None) -> "PartialState | None":
    """What accelerate knows of the processes that a launcher started; None where there is no launcher.

    Parameters
    ----------
    cpu, module
        As :func:`join_group` takes them.
    timeout : timedelta, optional
        How long processes wait for each other. Defaults to torch's own.

    Raises
    ------
    InputError
        If the launcher's variables are no numbers, or it announces several processes, but they do not find each other:
        each would do all the work, and overwrite the others'.
    """
    announced = _number_in("WORLD_SIZE")
    if announced <= 1:
        return None
    alone = InputError(
        f"WORLD_SIZE is {announced}, but this process is alone; start it with 'torchrun --nproc_per_node {announced} "
        f"-m {module} ...', or unset WORLD_SIZE"
    )
    if not all(os.environ.get(name) for name in RENDEZVOUS):
        raise alone
    for name in NUMBERS:
        _number_in(name)
    state = _joined(cpu, timeout)
    if state.num_processes != announced:
        raise alone
    return state


def _number_in(name: str) -> int:
    said = os.environ.get(name) or "1"
    if not said.isdecimal():
        raise bad_value(name, said, "a number", cure="unset it, a launcher sets it")
    return int(said)


def _joined(cpu: bool, timeout: timedelta | None) -> "PartialState":
    import torch
    from accelerate import PartialState

    first_time = not torch.distributed.is_initialized()
    options = {} if timeout is None else {"timeout": timeout}
    state = PartialState(cpu=cpu or not torch.cuda.is_available(), **options)
    if first_time and torch.distributed.is_initialized():
        atexit.register(state.destroy_process_group)
    return state
