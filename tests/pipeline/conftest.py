"""Copies of the project in which whole pipelines run, small enough for every test run."""

import os
import shlex
import shutil
import subprocess
import sys
from contextlib import chdir
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from networkx import dfs_postorder_nodes
from ruamel.yaml import YAML

from pipeline_lib.common.cli import run_stage

MINIATURE = {
    "subjects": ["sub-01", "sub-02"],
    "held_out": ["sub-01"],
    "phantom": {
        "subjects": 2,
        "image_size": 64,
        "train_concepts": 40,
        "train_images": 2,
        "test_concepts": 10,
        "center_images": 1,
        "sessions": 1,
        "test_repeats": 4,
    },
    "preprocess": {"picks": "visual-17"},
    "vse": {"size": 64},
    "train": {"epochs": 3, "inter_epochs": 2, "batch_size": 32, "validation": {"size": 10}},
    "evaluate": {"bootstrap": 50, "permutations": 50},
    "analysis": {"attribution": {"steps": 2, "queries": 4}},
    "report": {"best": 1, "worst": 1, "saliency": 1, "dpi": 40},
}


class Project:
    """A copy of the project with a git repository of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        binaries = Path(sys.executable).parent
        self.environment = {**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}", "PYTHONPATH": ""}

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the copy; its output is in the failure."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=900
        )
        if check and done.returncode:
            pytest.fail(
                f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            )
        return done

    def reproduce_here(self, target: str) -> None:
        """What ``dvc repro`` runs for a stage and those before it, in this process: imports are paid once.

        Stages whose outputs are there are passed over.
        """
        with Repo(str(self.folder)) as repo:
            (last,) = (stage for stage in repo.index.graph if stage.name == target)
            for stage in list(dfs_postorder_nodes(repo.index.graph, last)):
                if not all(Path(out.fs_path).exists() for out in stage.outs):
                    self._run_here(*shlex.split(stage.cmd))

    def _run_here(self, python: str, option: str, module: str, *options: str) -> None:
        assert (python, option) == ("python", "-m")
        with chdir(self.folder), pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as done:
            patch.setattr(sys, "argv", [module, *options])
            run_stage(import_module(module).main)
        if done.value.code:
            pytest.fail(f"{module} {shlex.join(options)} exited with {done.value.code}")

    def edit_params(self, changes: dict[str, Any]) -> None:
        """Put nested `changes` into params.yaml."""
        editor = YAML()
        path = self.folder / "params.yaml"
        values = editor.load(path)
        merge(values, changes)
        editor.dump(values, path)


def merge(values: dict[str, Any], changes: dict[str, Any]) -> None:
    """Set the leaves of `changes` in `values`, in place; lists are replaced."""
    for key, change in changes.items():
        if isinstance(change, dict):
            merge(values[key], change)
        else:
            values[key] = change


def copied_project(source: Path, folder: Path) -> Project:
    """The files that git tracks or would track, committed into a fresh repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=source, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (source / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, folder / name)
    shutil.rmtree(folder / "metrics", ignore_errors=True)
    project = Project(folder)
    project.edit_params({"phantom_roles": ["clip-l14"]})  # one such stage is as good as five
    project.run("git", "init", "-q")
    project.run("git", "config", "user.email", "test@example.org")
    project.run("git", "config", "user.name", "test")
    return project


@pytest.fixture(scope="session")
def miniature(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The whole pipeline, run once on a miniature of the phantom study."""
    project = copied_project(project_root, tmp_path_factory.mktemp("miniature"))
    project.edit_params(MINIATURE)
    project.run("git", "add", ".")
    project.run("git", "commit", "-qm", "miniature")
    project.run("dvc", "repro")
    project.run("git", "add", ".")
    project.run("git", "commit", "-qm", "reproduced")
    return project
