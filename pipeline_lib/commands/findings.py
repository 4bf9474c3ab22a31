"""What a check of parameters, data and weights finds."""

from collections.abc import Callable
from dataclasses import dataclass

from pipeline_lib.common.errors import InputError


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what, whether it is good, and in plain words why or what to do."""

    what: str
    good: bool
    say: str


def finding(what: str, look: Callable[[], str]) -> Finding:
    """What comes of a look at one thing: what `look` says, or the :class:`InputError` that it raises."""
    try:
        return Finding(what, True, look())
    except InputError as error:
        return Finding(what, False, str(error))
