"""Independent random streams, so that no part of the phantom changes when another part grows."""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What a stream of random numbers decides."""

    PICTURE = 1
    CODES = 2
    DIPOLES = 3
    PERSON = 4
    DESIGN = 5
    NOISE = 6
    ARTIFACT = 7


def generator(seed: int, stream: Stream, *which: int) -> np.random.Generator:
    """The generator of `stream`, for instance of person 2's session 1: ``generator(seed, Stream.NOISE, 2, 1)``."""
    return np.random.default_rng([seed, int(stream), *which])
