"""From what a user calls an experiment to the table of its queries: a DVC experiment, a commit, or a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pandas as pd

from pipeline_lib.commands.workspace import git
from pipeline_lib.common.errors import InputError, did_you_mean
from pipeline_lib.retrieval.queries import read_queries

QUERIES = Path("metrics/queries.csv")
WORKSPACE = "workspace"
EXPERIMENTS = "refs/exps"


def queries_of(name: str) -> pd.DataFrame:
    """The queries of ``workspace``, of a file or a folder that holds ``queries.csv``, else of an experiment or commit.

    Raises
    ------
    InputError
        If there is nothing of that name, or nothing that stage evaluate wrote in it.
    """
    if path := _file_of(name):
        return read_queries(path, where=str(path))
    with _opened_at(_commit_of(name), name) as file:
        return read_queries(file, where=f"{QUERIES} of {name!r}")


def _file_of(name: str) -> Path | None:
    if name == WORKSPACE:
        if not QUERIES.is_file():
            raise InputError(f"{QUERIES}: no such file; 'dvc repro' makes it, 'dvc checkout' brings it from the cache")
        return QUERIES
    places = (Path(name), Path(name) / QUERIES.name, Path(name) / QUERIES)
    return next((place for place in places if place.is_file()), None)


def _commit_of(name: str) -> str:
    """The commit of an experiment, as DVC names it, or of anything that git knows."""
    named = _experiments()
    if len(found := named.get(name, [])) > 1:
        raise InputError(
            f"experiment {name!r} exists {len(found)} times, on different commits; name one by its hash: "
            f"{', '.join(commit[:7] for commit in found)}"
        )
    if found:
        return found[0]
    try:
        return git("rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}").strip()
    except InputError:
        folder = " (there is a folder, without queries.csv)" if Path(name).is_dir() else ""
        hint = did_you_mean(name, [*named, *_branches(), WORKSPACE])
        cure = hint or "'dvc exp list' names the experiments of this commit, 'dvc exp list -A' all"
        raise InputError(f"{name!r}: no experiment, commit or file of that name{folder}; {cure}") from None


def _experiments() -> dict[str, list[str]]:
    """The commits of all experiments by name; those on the checked-out commit alone where they have one."""
    head = git("rev-parse", "HEAD").strip()
    named: dict[str, list[str]] = {}
    here: dict[str, list[str]] = {}
    for line in git("for-each-ref", "--format=%(objectname) %(refname)", EXPERIMENTS).splitlines():
        commit, ref = line.split(" ", 1)
        parts = ref.removeprefix(f"{EXPERIMENTS}/").split("/", 2)
        if len(parts) == 3 and len(parts[0] + parts[1]) == len(commit):
            named.setdefault(parts[2], []).append(commit)
            if parts[0] + parts[1] == head:
                here.setdefault(parts[2], []).append(commit)
    return named | here


def _branches() -> list[str]:
    return git("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags").splitlines()


@contextmanager
def _opened_at(commit: str, name: str) -> Iterator[IO[str]]:
    """The file as it was in a commit, from DVC's cache."""
    import dvc.api
    from dvc.exceptions import DvcException

    try:
        with dvc.api.open(str(QUERIES), rev=commit, encoding="utf-8") as file:
            yield file
    except InputError:
        raise
    except (DvcException, OSError):
        raise InputError(f"{name!r} {_why(commit)}") from None


def _why(commit: str) -> str:
    lock = git("show", f"{commit}:./dvc.lock") if _has_lock(commit) else ""
    if f"path: {QUERIES}" not in lock:
        return f"holds no {QUERIES}; its stage evaluate ran before trialign wrote one, or never: run it anew"
    return f"has its {QUERIES} not in DVC's cache; 'dvc pull' fetches what was pushed, else run it anew"


def _has_lock(commit: str) -> bool:
    return bool(git("ls-tree", "--name-only", commit, "./dvc.lock").strip())
