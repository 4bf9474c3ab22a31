"""Work in child processes that are killed at random moments; for the killed_run modules, each a process of its own."""

import os
import random
import signal
import time
from collections.abc import Callable
from typing import Any


def killed_again_and_again(
    work: Callable[[], Any], kept: Callable[[], Any], *, kills: int, seed: int, within: float
) -> None:
    """Fork and kill, the last child excepted.

    Parameters
    ----------
    work : callable
        What each child does. What it needs should be imported before, once.
    kept : callable
        What the children have left: each is killed after it has changed this.
    kills, seed : int
    within : float
        How many seconds a child may live on from then, at most.

    Raises
    ------
    ChildProcessError
        If a child fails.
    """
    moments = random.Random(seed)
    for attempt in range(kills + 1):
        before = kept()
        child = os.fork()
        if not child:
            work()
            os._exit(0)
        if attempt < kills:
            while kept() == before and not _ended(child):
                time.sleep(0.001)
            time.sleep(moments.uniform(0, within))
            os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code not in (0, -signal.SIGKILL):
            raise ChildProcessError(f"a child ended with {code}")


def _ended(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def slow_and_noted(method: Callable[..., Any], note: Callable[..., None], *, pace: float) -> Callable[..., Any]:
    """`method`, which takes `pace` seconds at least; `note` is called as it was, but for `self`, once it is done."""

    def noted(self: Any, *args: Any, **options: Any) -> Any:
        time.sleep(pace)
        result = method(self, *args, **options)
        note(*args, **options)
        return result

    return noted
