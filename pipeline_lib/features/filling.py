"""A feature bank from a source of features."""

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline_lib.common.space import space_needed
from pipeline_lib.features.bank import BankWriter
from pipeline_lib.features.source import FeatureSource

# HDF5 reports a full disk within a longer message, and as one kind of error or another.
FULL = ("errno = 28", "errno = 122", "No space left")


def write_bank(path: Path, image_ids: Sequence[str], source: FeatureSource, *, dtype: str) -> dict[str, int]:
    """Write all features of a source.

    Parameters
    ----------
    path : Path
        Is created, or overwritten.
    image_ids : sequence of str
        The rows.
    source : FeatureSource
    dtype : {"float32", "float16"}
        Of the stored features.

    Returns
    -------
    dict of str to int
        The width of each dataset.

    Raises
    ------
    InputError
        If the disk is full, or a feature is not finite as it would be stored.
    """
    widths = {}
    with (
        space_needed(path, "make room and start again: features that were made are not made again"),
        _full_disk_named(),
        BankWriter(path, image_ids, dtype=dtype, attributes=source.attributes) as bank,
    ):
        for dataset, start, values in source.rows:
            bank.write_rows(dataset, start, values)
            widths[dataset] = values.shape[1]
    return widths


@contextmanager
def _full_disk_named() -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        if any(sign in str(error) for sign in FULL):
            raise OSError(errno.ENOSPC, "the disk is full") from None
        raise
