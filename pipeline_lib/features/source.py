"""What a feature bank is filled from."""

from collections.abc import Iterator, Mapping
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


class FeatureSource(NamedTuple):
    """Features that are ready to be computed: everything that can be checked beforehand has been.

    Attributes
    ----------
    attributes : mapping of str to str
        How the features are made, for the bank's header.
    rows : iterator of FeatureRows
        Computed as they are asked for, so that no more than a batch need lie in memory. Together they cover every row
        of every dataset once.
    """

    attributes: Mapping[str, str]
    rows: Iterator[FeatureRows]
