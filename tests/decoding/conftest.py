"""The small study, made once."""

import copy
from pathlib import Path

import pytest

from tests.decoding.small_study import Study, written_study


@pytest.fixture(scope="session")
def study(shipped_params, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Recordings of one person in two sessions, and a model trained on them; not to be changed."""
    return written_study(tmp_path_factory.mktemp("decoding"), copy.deepcopy(shipped_params))


@pytest.fixture
def said() -> list[str]:
    """What the user is told; give its ``append`` to what tells."""
    return []


@pytest.fixture
def nowhere() -> Path:
    """A file that is not read."""
    return Path("new_raw.fif")
