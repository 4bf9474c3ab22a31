"""Commands that are measured from outside, and the scratch space they work in."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from benchmarks.reporting import ROOT


def peak_memory(command: Sequence[str]) -> int:
    """Run a command in the repository; the most memory in bytes that it ever held, as Linux counts it.

    Raises
    ------
    CalledProcessError
        If it fails.
    """
    process = subprocess.Popen(command, cwd=ROOT, stdout=sys.stderr)
    peak = 0
    while process.poll() is None:
        peak = max(peak, _high_water(process.pid))
        time.sleep(0.05)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return peak


@contextmanager
def scratch_folder(parent: Path | None) -> Iterator[Path]:
    """A folder that is removed afterwards, in `parent` or where the system keeps such."""
    if parent:
        parent.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix="trialign-benchmark-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _high_water(process: int) -> int:
    """The kernel keeps the maximum, so that no peak between two looks is lost."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return 0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) * 1024 if lines else 0
