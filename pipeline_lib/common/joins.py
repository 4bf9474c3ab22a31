"""Join by image id, never by position."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from pipeline_lib.common.errors import InputError, listed


def rows_of(wanted: Sequence[str], available: Sequence[str], *, what: str) -> np.ndarray:
    """The row of each wanted image id in `available`.

    Parameters
    ----------
    wanted : sequence of str
        Image ids, in the order in which the rows are needed; may repeat.
    available : sequence of str
        The ids of a table's rows.
    what : str
        What the table is, for the error (``"data/captions.csv"``).

    Returns
    -------
    ndarray of int, shape (len(wanted),)

    Raises
    ------
    InputError
        If an id is missing from `available`, or stands there twice; names the ids.
    """
    if doubled := [name for name, count in Counter(available).items() if count > 1]:
        raise InputError(f"{what}: image ids stand there more than once: {listed(doubled)}")
    position = {name: row for row, name in enumerate(available)}
    if missing := [name for name in dict.fromkeys(wanted) if name not in position]:
        raise InputError(f"{what}: {len(missing)} image ids are missing: {listed(missing)}")
    return np.array([position[name] for name in wanted], dtype=np.int64)
