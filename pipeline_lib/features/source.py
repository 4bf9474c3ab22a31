"""What a feature bank is filled from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class FeatureRows(NamedTuple):
    """Consecutive rows of one dataset.

    Attributes
    ----------
    dataset : str
        ``"<view>/<layer>"``.
    start : int
        The first row.
    values : ndarray, shape (n_rows, dim)
    """

    dataset: str
    start: int
    values: np.ndarray


@dataclass(frozen=True)
class FeatureSource:
    """Features that are ready to be written.

    Attributes
    ----------
    attributes : mapping of str to str
        How the features were made, for the bank's header.
    rows : iterator of FeatureRows
        Read as they are asked for, so that no more than a few batches need lie in memory. Together they cover every row
        of every dataset once.
    shares : sequence of int
        How many images each process looked at; empty where no model was asked.
    discard : callable
        To be called once the bank is written.
    """

    attributes: Mapping[str, str]
    rows: Iterator[FeatureRows]
    shares: Sequence[int] = ()
    discard: Callable[[], None] = lambda: None
