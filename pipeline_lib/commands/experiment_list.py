"""The experiments of a commit with their parameters and metrics, as ``dvc exp show`` knows them."""

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline_lib.commands.experiments import METRICS, find_dvc
from pipeline_lib.commands.params_edit import flattened
from pipeline_lib.commands.workspace import last_error
from pipeline_lib.common.errors import InputError, bad_value

PARAMS = "params.yaml"


@dataclass(frozen=True)
class Experiment:
    """A commit or an experiment on it.

    Attributes
    ----------
    name : str
    params : dict
        Every value of params.yaml by dotted key.
    metrics : dict
        Every number of metrics/retrieval.json by dotted key; empty where it failed or has none.
    """

    name: str
    params: dict[str, Any]
    metrics: dict[str, float]


def experiments_on(rev: str = "HEAD") -> list[Experiment]:
    """The commit itself, and then every finished experiment on it, from oldest to newest.

    Raises
    ------
    InputError
        If DVC cannot tell, as in a folder that is no project.
    """
    command = [str(find_dvc()), "exp", "show", "--json", "--rev", rev]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise InputError(f"dvc exp show: {last_error(done.stderr) or done.returncode}")
    return experiments_in(json.loads(done.stdout))


def experiments_in(shown: Iterable[dict[str, Any]]) -> list[Experiment]:
    """As :func:`experiments_on`, of what ``dvc exp show --json`` prints: the workspace is passed over."""
    commits = [entry for entry in shown if entry["rev"] != "workspace"]
    found = []
    for commit in commits:
        later = [experiment["revs"][0] for experiment in commit.get("experiments") or [] if experiment["revs"]]
        later.sort(key=lambda state: (state.get("data") or {}).get("timestamp") or "")
        found += [one for state in (commit, *later) if (one := _experiment(state))]
    return found


def _experiment(state: dict[str, Any]) -> Experiment | None:
    """None where DVC has no data: it is under way, or could not be read."""
    if not (data := state.get("data")):
        return None
    metrics = flattened(_content(data, "metrics", METRICS))
    numbers = {key: value for key, value in metrics.items() if isinstance(value, int | float)}
    return Experiment(state.get("name") or state["rev"][:7], flattened(_content(data, "params", PARAMS)), numbers)


def _content(data: dict[str, Any], kind: str, file: Path | str) -> dict[str, Any]:
    content = ((data.get(kind) or {}).get(str(file)) or {}).get("data")
    return content if isinstance(content, dict) else {}


def check_metric(experiments: Iterable[Experiment], metric: str) -> None:
    """Refuse a metric that no experiment has; InputError."""
    _check(metric, {key for one in experiments for key in one.metrics}, "--metric")


def check_param(experiments: Iterable[Experiment], key: str, option: str) -> None:
    """Refuse a parameter that no experiment has; InputError."""
    _check(key, {name for one in experiments for name in one.params}, option)


def _check(key: str, known: set[str], option: str) -> None:
    if not known:
        raise InputError(f"{option} {key!r}: no experiment of this commit has any such value; run 'dvc repro' first")
    if key not in known:
        raise bad_value(option, key, sorted(known))
