"""What is promised of the workspace: what DVC writes is put right, whatever a killed run leaves; nothing else is."""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
import yaml

from pipeline_lib.commands.experiments import Stop, noted_signals, run_logged
from pipeline_lib.commands.workspace import check_committed, last_error, open_workspace, restore_files
from pipeline_lib.common.errors import InputError
from tests.commands.fake_project import shell, state

LOCK = {
    "schema": "2.0",
    "stages": {
        "features": {"cmd": "x", "outs": [{"path": "data/features.h5"}, {"path": "data/raw/phantom"}]},
        "evaluate": {"cmd": "x", "outs": [{"path": "metrics/retrieval.json"}]},
    },
}
FILES = {
    "params.yaml": "a: 1\n",
    "dvc.lock": yaml.safe_dump(LOCK),
    "metrics/retrieval.json": "{}",
    "data/.gitignore": "/features.h5\n",
    "README.md": "first\n",
    "[a]*.md": "first\n",
}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template") / "project"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / ".dvc" / "tmp").mkdir(parents=True)
    (folder / ".dvc" / ".gitignore").write_text("/tmp\n")
    shell(folder, "git", "init", "-q", "-b", "main")
    shell(folder, "git", "config", "user.email", "test@example.org")
    shell(folder, "git", "config", "user.name", "test")
    shell(folder, "git", "add", ".")
    shell(folder, "git", "commit", "-q", "-m", "all")
    return folder


@pytest.fixture
def project(template, tmp_path, monkeypatch):
    shutil.copytree(template, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    Path("mine.txt").write_text("untracked")
    return tmp_path / "project"


def write(name, text="changed"):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)


def stashed(project):
    shell(project, "git", "update-ref", "refs/exps/stash", "HEAD")


def detached(project):
    shell(project, "git", "checkout", "-q", "--detach")


def staged(name):
    def make(project):
        write(name)
        shell(project, "git", "add", "--force", name)

    return make


DAMAGES = {
    "parameters": lambda _: write("params.yaml"),
    "staged parameters": staged("params.yaml"),
    "lock": lambda _: write("dvc.lock", yaml.safe_dump({"stages": {}})),
    "lock cut short": lambda _: write("dvc.lock", "stages:\n  feat: [\n"),
    "no lock": lambda _: Path("dvc.lock").unlink(),
    "no metrics": lambda _: Path("metrics/retrieval.json").unlink(),
    "metrics deleted in the index": lambda project: shell(project, "git", "rm", "-q", "metrics/retrieval.json"),
    "ignored more": lambda _: write("data/.gitignore", "/features.h5\n/raw\n"),
    "new output": lambda _: write("data/raw/phantom/image.png"),
    "new .gitignore": lambda _: write("data/raw/.gitignore"),
    "arguments": staged(".dvc/tmp/repro.dat"),
    "head": detached,
    "stash": stashed,
    "lock of DVC": lambda _: write(".dvc/tmp/rwlock", ""),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_dvc_leaves_is_put_right(project, name):
    workspace, before = open_workspace(), state(project)
    DAMAGES[name](project)
    restore_files(workspace)
    assert state(project) == before
    assert not list(Path(".dvc/tmp").glob("*"))
    assert not shell(project, "git", "for-each-ref", "refs/exps")
    check_committed(workspace)


def test_all_at_once(project):
    workspace, before = open_workspace(), state(project)
    for name, damage in DAMAGES.items():
        if name not in {"no lock", "metrics deleted in the index"}:
            damage(project)
    restore_files(workspace)
    assert state(project) == before


@pytest.mark.parametrize("name", ["README.md", "[a]*.md", "mine.txt", "new.txt", "data/new.txt", ".dvc/tmp/rwlock"])
def test_what_the_user_writes_meanwhile_stays(project, name):
    workspace = open_workspace()
    write(name, "7")
    write("params.yaml")
    restore_files(workspace)
    assert Path(name).read_text() == "7"
    assert Path("params.yaml").read_text() == FILES["params.yaml"]


def test_what_was_there_before_stays(project):
    write("data/raw/.gitignore", "mine")
    write("data/raw/phantom/mine.png")
    stashed(project)
    workspace = open_workspace()
    staged("data/raw/.gitignore")(project)
    restore_files(workspace)
    assert Path("data/raw/.gitignore").read_text() == "changed"
    assert Path("data/raw/phantom/mine.png").exists()
    assert shell(project, "git", "for-each-ref", "refs/exps")
    assert shell(project, "git", "diff", "--cached", "--name-only") == ""


def test_a_head_that_was_detached_stays_so(project):
    detached(project)
    workspace, before = open_workspace(), state(project)
    write("params.yaml")
    restore_files(workspace)
    assert state(project) == before


def test_a_head_that_somebody_moved_is_left_alone(project):
    workspace = open_workspace()
    shell(project, "git", "checkout", "-q", "-b", "other")
    write("params.yaml")
    with pytest.raises(InputError, match="head moved during the run, nothing was restored"):
        restore_files(workspace)
    assert Path("params.yaml").read_text() == "changed"
    with pytest.raises(InputError, match="head moved since the start"):
        check_committed(workspace)


@pytest.mark.parametrize("name", ["README.md", "params.yaml", "metrics/retrieval.json"])
@pytest.mark.parametrize("how", [lambda name: staged(name), lambda name: lambda _: write(name)], ids=["staged", "not"])
def test_changed_files_are_refused(project, name, how):
    how(name)(project)
    with pytest.raises(InputError, match=f"not committed: {name}; commit or stash first"):
        check_committed(open_workspace())


def test_outputs_unknown_to_git_are_refused(project):
    write("data/raw/phantom/mine.png")
    with pytest.raises(InputError, match=r"not committed: data/raw/phantom/mine.png"):
        check_committed(open_workspace())


def test_the_line_that_says_it():
    assert last_error("a\ntrialign: this\nERROR: that\n") == "this"
    assert last_error("a\nERROR: first\nERROR: that\nb\n") == "that"
    assert last_error("a\nb\n\n") == "b"
    assert last_error("") == ""


def test_a_command_that_does_not_listen_is_killed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("pipeline_lib.commands.experiments.PATIENCE", 0.2)
    stop = Stop()
    deaf = (
        "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    monkeypatch.setattr("pipeline_lib.commands.experiments._pass_on", lambda output: output and asked(stop))
    assert run_logged([sys.executable, "-c", deaf], tmp_path / "logs" / "deaf.log", stop) == -9
    assert (tmp_path / "logs" / "deaf.log").read_text() == "deaf\n"


def asked(stop):
    stop.signal = "SIGTERM"


def test_a_command_is_heard_and_logged(tmp_path, capsys):
    code = run_logged([sys.executable, "-c", "print('heard'); exit(3)"], tmp_path / "some.log", Stop())
    assert code == 3
    assert capsys.readouterr().err == (tmp_path / "some.log").read_text() == "heard\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_are_noted_in_the_block_alone(number):
    before = signal.signal(number, signal.SIG_DFL)  # in the background of a script, SIGINT is ignored
    try:
        with noted_signals() as stop:
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop.signal == number.name
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_what_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with noted_signals() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
        assert stop.signal == ""
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
