"""What every benchmark says of itself: where and when it was measured, and its figures as JSON."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from json import dumps
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def surroundings(libraries: Iterable[str]) -> dict[str, Any]:
    """The machine, the versions, the date and the commit."""
    return {
        "machine": {"processors": len(os.sched_getaffinity(0)), "model": _processor(), "system": platform.platform()},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in libraries}},
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": _commit(),
    }


def write_figures(figures: Mapping[str, Any], path: Path | None) -> None:
    """Write figures to a file, if one is given that is not "-", and print them in one line."""
    if path and str(path) != "-":
        path.write_text(dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(dumps(figures), flush=True)


def rounded(value: float) -> float:
    """To four digits."""
    return float(f"{value:.4g}")


def say(what: str) -> None:
    """Tell on standard error what is being done."""
    print(f"{datetime.now():%H:%M:%S} {what}", file=sys.stderr, flush=True)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str | None:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() or None
