"""One way to say that something the user gave is wrong: a single line that names it and the cure."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class InputError(ValueError):
    """The user's data or parameters cannot be used; the message is one line and says what to do.

    Commands print the message alone and exit with code 2. Anything else that is raised is a defect of trialign and
    keeps its traceback.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


def bad_value(name: str, value: Any, allowed: Iterable[Any] | str, *, where: str = "", cure: str = "") -> InputError:
    """Phrase a value that is not allowed.

    Parameters
    ----------
    name : str
        What holds the value, as the user writes it (``"loss.balancer"``).
    value : Any
        The offending value.
    allowed : iterable or str
        The allowed values, or a phrase that describes them (``"a positive number"``).
    where : str
        The file or place the value came from. Defaults to none.
    cure : str
        What to do. Defaults to a suggestion when ``value`` resembles an allowed one.

    Returns
    -------
    InputError
        To be raised by the caller.
    """
    names = None if isinstance(allowed, str) else [str(choice) for choice in allowed]
    expected = allowed if names is None else listed(names)
    place = f"{where}: " if where else ""
    hint = cure or (did_you_mean(str(value), names) if names else "")
    return InputError(f"{place}{name} is {value!r}, allowed: {expected}{'; ' + hint if hint else ''}")


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """``"did you mean 'x'?"`` for the choice closest to `word`, or an empty string when none is close."""
    close = get_close_matches(word, list(choices), n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def listed(items: Iterable[Any], *, most: int = 6) -> str:
    """The first `most` items joined by commas, and how many more there are."""
    names = [str(item) for item in items]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def check_embeddings(**embeddings: Any) -> None:
    """Refuse embeddings that are not matrices of one common shape.

    Parameters
    ----------
    **embeddings : Tensor, shape (n_items, dim)
        By the name the caller knows them by.

    Raises
    ------
    ValueError
        Naming the first embedding whose shape differs from the first one's, and both shapes.
    """
    (first, reference), *others = embeddings.items()
    if reference.ndim != 2 or not len(reference):
        raise ValueError(f"{first} must have shape (n_items, dim) with at least one item, got {tuple(reference.shape)}")
    for name, other in others:
        if other.shape != reference.shape:
            raise ValueError(f"{name} has shape {tuple(other.shape)} but {first} has {tuple(reference.shape)}")
