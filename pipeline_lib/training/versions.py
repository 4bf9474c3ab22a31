"""What a model was trained with."""

import platform
from importlib.metadata import PackageNotFoundError, version


def versions() -> dict[str, str]:
    """The versions of trialign, torch, numpy and python."""
    return {**{name: _installed(name) for name in ("trialign", "torch", "numpy")}, "python": platform.python_version()}


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # run from its folder
        return "not installed"
