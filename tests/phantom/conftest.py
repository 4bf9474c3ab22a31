"""A phantom study small enough for a test."""

from collections.abc import Callable
from typing import Any

import pytest

from pipeline_lib.phantom.params import PhantomParams

SMALL = {
    "seed": 7,
    "modality": "eeg",
    "subjects": 2,
    "image_size": 32,
    "train_concepts": 6,
    "train_images": 2,
    "test_concepts": 4,
    "center_images": 1,
    "sessions": 1,
    "train_repeats": 2,
    "test_repeats": 3,
    "target_share": 0.1,
    "snr": 1.0,
}


@pytest.fixture(scope="session")
def small_phantom() -> Callable[..., PhantomParams]:
    """Make the parameters of a small study, with changes: ``small_phantom(subjects=1)``."""

    def make(**changes: Any) -> PhantomParams:
        return PhantomParams(**{**SMALL, **changes})

    return make
