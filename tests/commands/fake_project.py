"""A DVC project of a second a run: its stages write metrics from params.yaml, in the form of stage evaluate."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

DVC_YAML = """
stages:
  features:
    matrix:
      view: ${features.views}
    cmd: python stage.py features ${item.view}
    deps: [stage.py]
    outs:
    - data/features-${item.view}.txt
  evaluate:
    cmd: python stage.py evaluate
    deps: [stage.py]
    params: [study, loss.balancer, target.view, subjects]
    metrics:
    - metrics/retrieval.json:
        cache: false
"""
STAGE = """
import json, sys, time
from pathlib import Path

import yaml

params = yaml.safe_load(Path("params.yaml").read_text())
if sys.argv[1] == "features":
    Path(f"data/features-{sys.argv[2]}.txt").write_text(sys.argv[2])
    sys.exit()
if params["loss"]["balancer"] == "static":
    sys.exit("trialign: loss.balancer is 'static', which this project cannot do")
if Path("wait").exists():
    Path("waiting").touch()
    time.sleep(60)
top1 = {"dla": 0.5, "mcdb": 0.25}[params["loss"]["balancer"]] + 0.125 * (params["target"]["view"] == "raw")
chance = {"top1": 1 / 60, "top5": 5 / 60}
details = [
    {"protocol": protocol, "gallery": gallery, "direction": direction, "gallery_size": 60, "seeds": 1,
     "subjects": len(params["subjects"]), "top1": top1 / share, "top5": 0.75, "sd": None, "chance": chance,
     "interval": {"top1": [top1 / share - 0.1, top1 / share + 0.1], "top5": [0.7, 0.8]}}
    for protocol, share in (("intra", 1), ("inter", 2))
    for gallery in ("image", "class-center")
    for direction in ("from-brain", "to-brain")
]
report = {"about": [f"{params['study']['name']} study, synthetic data", "zero-shot"], "details": details}
Path("metrics").mkdir(exist_ok=True)
Path("metrics/retrieval.json").write_text(json.dumps(report))
"""


def environment() -> dict[str, str]:
    """Ours, with the programs of our own environment first."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1"}


def shell(folder: Path, *words: str) -> str:
    """What a command says."""
    return subprocess.run(words, cwd=folder, env=environment(), check=True, capture_output=True, text=True).stdout


def make_project(folder: Path, params_file: Path) -> Path:
    """A project with nothing run yet, all of it committed."""
    (folder / "data").mkdir(parents=True)
    shutil.copy(params_file, folder / "params.yaml")
    (folder / "dvc.yaml").write_text(DVC_YAML)
    (folder / "stage.py").write_text(STAGE)
    (folder / "notes.txt").write_text("first\n")
    (folder / "data" / ".gitignore").write_text("/features-raw.txt\n")
    shell(folder, "git", "init", "-q", "-b", "main")
    shell(folder, "git", "config", "user.email", "test@example.org")
    shell(folder, "git", "config", "user.name", "test")
    shell(folder, "dvc", "init", "-q")
    shell(folder, "dvc", "config", "core.analytics", "false")
    commit(folder, "project")
    return folder


def commit(folder: Path, message: str) -> None:
    """All there is."""
    shell(folder, "git", "add", ".")
    shell(folder, "git", "commit", "-q", "-m", message)


def state(folder: Path) -> dict[str, bytes | str]:
    """Every file that is not git's or DVC's own, what git says of them, and where the head is."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    own = {path.relative_to(folder).as_posix(): path for path in files}
    content = {name: path.read_bytes() for name, path in own.items() if not name.startswith((".git/", ".dvc/"))}
    head = (folder / ".git" / "HEAD").read_text()
    return content | {"git status": shell(folder, "git", "status", "--porcelain"), "head": head}


def experiments(folder: Path) -> list[str]:
    """Names of all DVC experiments."""
    names = shell(folder, "git", "for-each-ref", "--format=%(refname)", "refs/exps").splitlines()
    return sorted(name.split("/")[-1] for name in names if "/exec/" not in name)
