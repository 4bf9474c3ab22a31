"""The user's workspace around DVC experiments: committed before each, and as it was after it.

``dvc exp run`` leaves parameters, dvc.lock and metrics in the working tree, so that the next experiment would build on
them. One that is killed can also leave the head detached, files staged, a stashed experiment that the next run would
run first, and a lock file cut short. All of that is put right; what DVC does not write is never touched.
"""

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline_lib.common.errors import InputError, listed

LOCK = Path("dvc.lock")
TEMPORARY = Path(".dvc/tmp")
ARGUMENTS = TEMPORARY / "repro.dat"
STASH = "refs/exps/stash"


@dataclass(frozen=True)
class Workspace:
    """A project, in the current folder, as it is before any experiment.

    Attributes
    ----------
    head : str
        The commit.
    branch : str
        Full name of the ref that the head points to, empty where it points to a commit.
    untracked : frozenset of str
        Files that git neither tracks nor ignores.
    stash : str
        The experiment that lies in DVC's stash already, empty for none.
    """

    head: str
    branch: str
    untracked: frozenset[str]
    stash: str


def open_workspace() -> Workspace:
    """Look at the project in the current folder.

    Raises
    ------
    InputError
        If it is no DVC project in a git repository with a commit.
    """
    if not Path(".dvc").is_dir():
        raise InputError(f"{Path.cwd()}: no DVC repository (no folder .dvc); run from the project's root")
    git("rev-parse", "--git-dir")
    if not (head := _ref("HEAD")):
        raise InputError("the git repository has no commit yet; experiments start from one: git add, git commit")
    return Workspace(head, _branch(), frozenset(_untracked()), _ref(STASH))


def check_committed(workspace: Workspace) -> None:
    """Refuse a workspace whose tracked files are changed, or whose head moved since `workspace` was looked at.

    Raises
    ------
    InputError
        Naming the files; what DVC writes must be tracked, for a run replaces it.
    """
    if (_ref("HEAD"), _branch()) != (workspace.head, workspace.branch):
        raise InputError("the git head moved since the start; start again, so that all presets share one commit")
    changed = _paths("status", "--porcelain", "--untracked-files=no", "--no-renames", "-z")
    written = _written_by_dvc(_outputs_of_lock())
    unknown = sorted(name for name in workspace.untracked if written(name) and Path(name).name != ".gitignore")
    if names := [line[3:] for line in changed] + unknown:
        raise InputError(
            f"not committed: {listed(names)}; commit or stash first, since every preset starts from the last commit"
        )


def check_outputs(dvc: Path) -> None:
    """Refuse outputs of stages that differ from dvc.lock: an experiment would overwrite them.

    Raises
    ------
    InputError
        Naming them.
    """
    done = subprocess.run([dvc, "data", "status", "--json"], capture_output=True, text=True, start_new_session=True)
    if done.returncode:
        raise InputError(f"dvc data status: {last_error(done.stderr) or done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout).get("uncommitted", {})
    if names := [*found.get("modified", []), *found.get("added", [])]:
        raise InputError(
            f"differs from dvc.lock, and would be lost: {listed(names)}; 'dvc checkout' brings back what it says, "
            "'dvc commit' keeps what is there"
        )


def restore_files(workspace: Workspace) -> None:
    """Bring head, index and the tracked files that DVC writes back to the commit; DVC's new files are removed.

    Files that DVC does not write stay as they are, and so does everything that was untracked before.

    Raises
    ------
    InputError
        If somebody else moved the head in the meantime, so that it is unclear what to restore.
    """
    _attach(workspace)
    written = _written_by_dvc(_outputs_of_lock())
    changed = [name for name in _paths("diff", "--name-only", "--relative", "-z", "HEAD") if written(name)]
    mine = [name for name in changed if name not in workspace.untracked]
    _git_on(mine, "restore", "--source=HEAD", "--staged", "--worktree")
    _git_on([name for name in changed if name not in mine], "restore", "--staged")
    for name in set(_untracked()) - workspace.untracked:
        if written(name):
            Path(name).unlink(missing_ok=True)
    _repair_dvc(workspace)


def restore_outputs(dvc: Path) -> None:
    """Bring the outputs of stages back to what dvc.lock says, as far as DVC's cache holds them."""
    command = [dvc, "checkout", "--quiet", "--force", "--allow-missing"]
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True, check=False)


def git(*words: str) -> str:
    """What ``git`` prints.

    Raises
    ------
    InputError
        With git's complaint.
    """
    try:
        done = _git(*words)
    except FileNotFoundError:
        raise InputError("git was not found; install it, experiments are kept in git") from None
    if done.returncode:
        raise InputError(f"git {words[0]}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def last_error(text: str) -> str:
    """The line of a log that says what went wrong: ours where there is one, else DVC's, else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for start in ("trialign: ", "ERROR: ", ""):
        if found := [line for line in lines if line.startswith(start)]:
            return found[-1].removeprefix(start)
    return ""


def _attach(workspace: Workspace) -> None:
    if _branch() == workspace.branch:
        return
    if _branch() or _ref("HEAD") != workspace.head or _ref(workspace.branch) != workspace.head:
        raise InputError(f"the git head moved during the run, nothing was restored; it was {workspace.head}")
    git("symbolic-ref", "-m", "trialign: attach the head again", "HEAD", workspace.branch)


def _repair_dvc(workspace: Workspace) -> None:
    ARGUMENTS.unlink(missing_ok=True)
    for lock in (TEMPORARY / "rwlock", TEMPORARY / "exps" / "rwlock"):
        if lock.exists() and not _is_json(lock):
            lock.unlink()
    if not workspace.stash and _ref(STASH):
        git("update-ref", "-d", STASH)


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True


def _outputs_of_lock() -> set[str]:
    """All outputs that dvc.lock names, as it is and as it was committed."""
    lock = LOCK.read_text(encoding="utf-8") if LOCK.exists() else ""
    return _outputs(lock) | _outputs(_git("show", f"HEAD:./{LOCK}").stdout)


def _outputs(lock: str) -> set[str]:
    try:
        stages = (yaml.load(lock, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}).get("stages", {})
        return {out["path"] for stage in stages.values() for out in stage.get("outs", [])}
    except (yaml.YAMLError, AttributeError, KeyError, TypeError):  # cut short by a kill; the committed one is whole
        return set()


def _written_by_dvc(outputs: set[str]) -> Callable[[str], bool]:
    """Whether DVC writes a file: parameters, dvc.lock, its arguments, outputs, and what lets git ignore these."""
    ignoring = {str(Path(out).parent / ".gitignore") for out in outputs}
    exact = {"params.yaml", str(LOCK), str(ARGUMENTS), *outputs, *ignoring}
    return lambda name: name in exact or any(str(parent) in outputs for parent in Path(name).parents)


def _untracked() -> list[str]:
    return _paths("ls-files", "--others", "--exclude-standard", "-z")


def _paths(*words: str) -> list[str]:
    return [name for name in git(*words).split("\0") if name]


def _git_on(paths: Sequence[str], *words: str) -> None:
    if paths:
        git(*words, "--", *paths)


def _ref(name: str) -> str:
    return _git("rev-parse", "--quiet", "--verify", name).stdout.strip()


def _branch() -> str:
    return _git("symbolic-ref", "--quiet", "HEAD").stdout.strip()


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    # A session of its own, so that Ctrl-C, which we note, does not end it half-way.
    command = ["git", "--literal-pathspecs", *words]
    return subprocess.run(command, capture_output=True, text=True, start_new_session=True, check=False)
