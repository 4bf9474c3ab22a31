"""What a feature bank is filled from."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np


class FeatureSource(NamedTuple):
    """Features that are ready to be computed: everything that can be checked beforehand has been.

    Attributes
    ----------
    attributes : mapping of str to str
        How the features are made, for the bank's header.
    datasets : iterator of (str, ndarray)
        Name (``"<view>/<layer>"``) and features, shape (n_images, dim), computed as they are asked for.
    """

    attributes: Mapping[str, str]
    datasets: Iterator[tuple[str, np.ndarray]]
