"""Fixtures that every test may use."""

import copy
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

# Tiny models gain nothing from threads, and lose much where tests share a busy machine. Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The project's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings and pictures; the test is skipped where it is absent."""
    folder = Path(os.environ.get("TRIALIGN_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found in {folder}; set TRIALIGN_REAL_DATA")
    return folder


@pytest.fixture(scope="session")
def shipped_params() -> dict[str, Any]:
    """params.yaml as shipped."""
    return yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def params(shipped_params: dict[str, Any]) -> dict[str, Any]:
    """A copy of params.yaml's values, to be changed at will."""
    return copy.deepcopy(shipped_params)
