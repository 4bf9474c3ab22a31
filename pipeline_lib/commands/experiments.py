"""One DVC experiment after the other, each from the committed state, with signals that leave nothing half done."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline_lib.commands.workspace import TEMPORARY, Workspace, git, last_error
from pipeline_lib.common.errors import InputError
from pipeline_lib.retrieval.report import read_report

METRICS = Path("metrics/retrieval.json")
LOGS = TEMPORARY / "bench-systems"
PAUSE = 0.1
PATIENCE = 60.0


@dataclass
class Stop:
    """Which signal asked to stop; empty while none did."""

    signal: str = ""


@contextmanager
def noted_signals() -> Iterator[Stop]:
    """Note SIGINT, SIGTERM and SIGHUP in the block rather than end at once: the workspace is to be restored first."""
    stop = Stop()

    def note(number: int, _: Any) -> None:
        stop.signal = stop.signal or signal.Signals(number).name

    ignored = {number for number in (signal.SIGINT, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_IGN}
    # Handled even where it was ignored (in the background of a script), as children of ours are ended by it.
    handlers = {signal.SIGINT: note, signal.SIGTERM: note, signal.SIGHUP: note}
    handlers |= {number: lambda *_: None for number in ignored}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def find_dvc() -> Path:
    """The program ``dvc``: that of our own environment, else the first on the path.

    Raises
    ------
    InputError
        If there is none.
    """
    found = shutil.which("dvc", path=_search_path())
    if not found:
        raise InputError("dvc was not found; activate the environment ('source .venv/bin/activate') or install dvc")
    return Path(found)


def run_experiment(
    dvc: Path, options: Sequence[str], base: str, workspace: Workspace, stop: Stop
) -> tuple[str, dict[str, Any]]:
    """Run one experiment in the workspace, to be restored by the caller whatever happens.

    Parameters
    ----------
    dvc : Path
    options : sequence of str
        ``-S key=value ...``
    base : str
        The experiment's name; a number is added where an experiment of other outcome has it already.
    workspace : Workspace
    stop : Stop

    Returns
    -------
    name : str
        Of the experiment; of an earlier one if that came to the same.
    report : dict
        Its metrics, as :func:`~pipeline_lib.retrieval.report.read_report` gives them.

    Raises
    ------
    InputError
        If it failed, with the line that says why.
    """
    earlier = _experiments(workspace)
    name = _free_name(base, earlier)
    log = LOGS / f"{name}.log"
    code = run_logged([str(dvc), "exp", "run", "-n", name, *options], log, stop)
    if stop.signal:
        raise InputError(f"stopped by {stop.signal}")
    if code:
        error = last_error(log.read_text(encoding="utf-8", errors="replace"))
        raise InputError(f"{error or f'dvc ended with code {code}'} (log: {log})")
    report = read_report(METRICS)
    return _without_copy(name, base, earlier, workspace), report


def run_logged(command: Sequence[str], log: Path, stop: Stop) -> int:
    """Run a command, its output copied to standard error and to `log`; ended when `stop` is set.

    Returns
    -------
    int
        Its exit code.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PATH": _search_path()}
    with log.open("wb") as written, log.open("rb") as said:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=written, stderr=written, start_new_session=True, env=environment
        )
        while child.poll() is None and not stop.signal:
            time.sleep(PAUSE)
            _pass_on(said.read())
        if stop.signal:
            _end(child)
        _pass_on(said.read())
    return child.returncode


def _end(child: subprocess.Popen[bytes]) -> None:
    """Interrupt DVC and its stages as Ctrl-C would, so that they tidy up; kill them if that takes too long."""
    _pass_on(b"stopping DVC, and restoring the workspace ...\n")
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGINT)
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _pass_on(output: bytes) -> None:
    if output:
        sys.stderr.write(output.decode("utf-8", errors="replace"))
        sys.stderr.flush()


def _search_path() -> str:
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def _folder(workspace: Workspace) -> str:
    return f"refs/exps/{workspace.head[:2]}/{workspace.head[2:]}"


def _experiments(workspace: Workspace) -> dict[str, str]:
    """What lies in each experiment on the workspace's commit (its git tree), by the experiment's name."""
    lines = git("for-each-ref", "--format=%(tree) %(refname)", _folder(workspace)).splitlines()
    return {name.removeprefix(f"{_folder(workspace)}/"): tree for tree, name in (line.split(" ", 1) for line in lines)}


def _free_name(base: str, taken: dict[str, str]) -> str:
    """`base`, or the first of ``base.2``, ``base.3`` ... that nobody has."""
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}.{number}"
    return name


def _without_copy(name: str, base: str, earlier: dict[str, str], workspace: Workspace) -> str:
    """Remove experiment `name` if an earlier one of the same base holds the same, and say which one stays."""
    tree = _experiments(workspace).get(name)
    for other, other_tree in earlier.items():
        if tree == other_tree and re.fullmatch(rf"{re.escape(base)}(\.\d+)?", other):
            git("update-ref", "-d", f"{_folder(workspace)}/{name}")
            return other
    return name
