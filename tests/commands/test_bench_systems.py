"""What `trialign bench-systems` promises, on a project whose runs take a second."""

import csv
import json
import shlex
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import yaml
from typer.testing import CliRunner

from pipeline_lib.commands import bench_systems as bench
from pipeline_lib.commands.bench_systems import default_presets, planned
from pipeline_lib.commands.main import build_app
from pipeline_lib.commands.preset import read_preset
from pipeline_lib.common.errors import InputError
from tests.commands.fake_project import commit, environment, experiments, make_project, shell, state

NO_VSE, NO_DLA = "neuroalign-no-vse", "neuroalign-no-dla"
WITH_17 = {"bravl", "hmavd-17", "multilayer", "neurobridge", "shallow", "ubp"}


@pytest.fixture(scope="module")
def template(project_root, tmp_path_factory):
    """A project that has been run, and committed."""
    folder = make_project(tmp_path_factory.mktemp("template") / "project", project_root / "params.yaml")
    shell(folder, "dvc", "repro", "-q")
    commit(folder, "reproduced")
    return folder


@pytest.fixture
def project(template, tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    shutil.copytree(template, tmp_path / "project", symlinks=True)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def invoke(*words, expect=0):
    result = CliRunner().invoke(build_app("bench-systems"), ["bench-systems", *map(str, words)])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == expect, result.output
    return result


@pytest.fixture(scope="module")
def done(template, tmp_path_factory):
    """Three presets, the second of which fails, in a workspace that also holds files of the user."""
    folder = tmp_path_factory.mktemp("done") / "project"
    shutil.copytree(template, folder, symlinks=True)
    (folder / "mine.txt").write_text("untracked\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DVC_NO_ANALYTICS", "1")
        before = state(folder)
        result = invoke(NO_VSE, NO_DLA, "mcdb", "--with", "quick", "--out", folder.parent / "table.csv", expect=1)
    return SimpleNamespace(folder=folder, before=before, after=state(folder), result=result)


def test_one_line_per_system_and_gallery(done):
    lines = [line.split() for line in done.result.stdout.splitlines()]
    (first,) = [line for line in lines if line[:1] == [NO_VSE]]
    assert " ".join(first) == (
        f"{NO_VSE} image (60) 62.5 [52.5, 72.5] / 75.0 42.3 / 74.8 31.2 [21.2, 41.2] / 75.0 12.3 / 33.5 "
        f"bench-phantom-{NO_VSE}-quick"
    )
    assert sum(line[:2] == ["class-center", "(60)"] for line in lines) == 2
    assert ["mcdb", "image", "(60)"] in [line[:3] for line in lines]


def test_the_phantom_is_marked(done):
    said = done.result.stdout
    assert said.count("not comparable") == 3
    assert said.count("(THINGS-EEG2),") == 2
    assert "published: THINGS-EEG2, 200 images, as the papers print it; not comparable: the phantom study" in said
    assert "ours: mean over intra 1 subject and 1 seed, inter 1 subject and 1 seed; [95 % bootstrap interval" in said
    assert "chance: image 1.7 / 8.3, class-center 1.7 / 8.3 %" in said


def test_a_preset_that_fails_is_named_and_the_others_run(done):
    assert f"failed: {NO_DLA}: loss.balancer is 'static', which this project cannot do (log: " in done.result.stdout
    assert [NO_DLA, "failed"] in [line.split()[:2] for line in done.result.stdout.splitlines()]
    assert "Traceback" not in done.result.output


def test_the_workspace_is_as_it_was(done):
    assert done.after == done.before
    assert shell(done.folder, "dvc", "status") == "Data and pipelines are up to date.\n"


def test_each_experiment_starts_from_the_commit(done):
    names = experiments(done.folder)
    assert names == ["bench-phantom-mcdb-quick", f"bench-phantom-{NO_VSE}-quick"]
    head = shell(done.folder, "git", "rev-parse", "HEAD").strip()
    for name, differs in (("mcdb", {"balancer: mcdb"}), (NO_VSE, {"view: raw"})):
        ref = f"refs/exps/{head[:2]}/{head[2:]}/bench-phantom-{name}-quick"
        assert shell(done.folder, "git", "rev-parse", f"{ref}~1").strip() == head
        params = yaml.safe_load(shell(done.folder, "git", "show", f"{ref}:params.yaml"))
        found = {f"balancer: {params['loss']['balancer']}", f"view: {params['target']['view']}"}
        assert found - {"balancer: dla", "view: vse"} == differs
        assert params["subjects"] == ["sub-01"]


def test_the_rows_hold_every_figure(done):
    rows = list(csv.DictReader((done.folder.parent / "table.csv").open()))
    assert [(row["system"], row["gallery"], row["protocol"]) for row in rows[:4]] == [
        (NO_VSE, gallery, protocol) for protocol in ("intra", "inter") for gallery in ("image", "class-center")
    ]
    first = rows[0]
    assert (first["top1"], first["top1_low"], first["top5_high"], first["top1_sd"]) == ("62.5", "52.5", "80.0", "")
    assert (first["published_top1"], first["published_top5"]) == ("42.3", "74.8")
    assert (first["images"], first["comparable"], first["published_study"]) == ("60", "False", "things-eeg2")
    assert "static" in next(row for row in rows if row["system"] == NO_DLA)["error"]


def test_the_same_again_makes_no_new_experiment(done, monkeypatch):
    monkeypatch.chdir(done.folder)
    before = experiments(done.folder)
    out = done.folder.parent / "again.json"
    assert "bench-phantom-mcdb-quick " in invoke("mcdb", "--with", "quick", "--out", out).stdout
    assert experiments(done.folder) == before
    written = json.loads(out.read_text())
    assert written["study"] == "phantom"
    assert {row["experiment"] for row in written["systems"]} == {"bench-phantom-mcdb-quick"}
    assert written["systems"][0]["published_top1"] is None


@pytest.fixture
def every_run_fails(monkeypatch):
    def fail(*_):
        raise InputError("no such thing")

    monkeypatch.setattr(bench, "run_experiment", fail)
    for name in ("check_outputs", "restore_outputs"):
        monkeypatch.setattr(bench, name, lambda _: None)


def test_stops_at_a_failure_when_asked_to(project, every_run_fails):
    with pytest.raises(InputError, match=rf"preset '{NO_DLA}' failed; not run: mcdb: no such thing"):
        invoke(NO_DLA, "mcdb", "--stop")


def test_goes_on_after_a_failure(project, every_run_fails):
    said = invoke(NO_DLA, "mcdb", expect=1).stdout
    assert f"failed: {NO_DLA}: no such thing\nfailed: mcdb: no such thing\n" in said


def test_a_project_that_was_never_run_and_a_name_that_is_taken(project_root, tmp_path, monkeypatch):
    folder = make_project(tmp_path / "project", project_root / "params.yaml")
    head = shell(folder, "git", "rev-parse", "HEAD").strip()
    shell(folder, "git", "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/bench-phantom-mcdb", "HEAD")
    monkeypatch.chdir(folder)
    before = state(folder)
    assert "bench-phantom-mcdb.2 " in invoke("mcdb").stdout
    assert state(folder) == before
    assert experiments(folder) == ["bench-phantom-mcdb", "bench-phantom-mcdb.2"]


def test_a_signal_leaves_the_workspace_as_it_was(project, project_root):
    (project / "wait").touch()
    (project / "waiting").touch()
    before = state(project)
    (project / "waiting").unlink()
    program = "import sys; from pipeline_lib.commands.main import main; sys.argv[0] = 'trialign'; main()"
    child = subprocess.Popen(
        [sys.executable, "-c", program, "bench-systems", "mcdb", NO_VSE], cwd=project, text=True,
        env=environment() | {"PYTHONPATH": str(project_root)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (project / "waiting").exists():
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.05)
    child.send_signal(signal.SIGTERM)
    child.send_signal(signal.SIGTERM)
    output, said = child.communicate(timeout=60)
    assert child.returncode == 2
    assert output == ""
    assert said.splitlines()[-1] == (
        f"trialign: stopped by SIGTERM in preset 'mcdb'; not run: {NO_VSE}; the workspace is as it was, and the "
        "same command goes on from DVC's cache"
    )
    assert state(project) == before
    assert experiments(project) == []


def test_what_is_not_committed(project):
    (project / "notes.txt").write_text("second\n")
    (project / "wait").touch()
    before = state(project)
    with pytest.raises(InputError, match=r"not committed: notes.txt; commit or stash first"):
        invoke("mcdb")
    assert state(project) == before


def test_outputs_that_an_experiment_would_overwrite(project):
    (project / "data" / "features-raw.txt").unlink()
    (project / "data" / "features-raw.txt").write_text("edited by hand")
    with pytest.raises(
        InputError, match=r"differs from dvc.lock, and would be lost: data/features-raw.txt; 'dvc check"
    ):
        invoke("mcdb")
    assert (project / "data" / "features-raw.txt").read_text() == "edited by hand"


def test_an_edit_during_the_run_stays_and_stops_the_next(project, monkeypatch):
    stage = (project / "stage.py").read_text().replace("chance =", "Path('notes.txt').write_text('edited')\nchance =")
    (project / "stage.py").write_text(stage)
    commit(project, "edits")
    with pytest.raises(InputError, match=r"not committed: notes.txt"):
        invoke("mcdb", NO_VSE)
    assert (project / "notes.txt").read_text() == "edited"
    assert shell(project, "git", "status", "--porcelain") == " M notes.txt\n"
    assert experiments(project) == ["bench-phantom-mcdb"]


def test_outside_of_a_project(project, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with pytest.raises(InputError, match=r"params.yaml: no such file; run from the project's root"):
        invoke("mcdb")
    shutil.copy(project / "params.yaml", elsewhere)
    with pytest.raises(InputError, match=r"no DVC repository \(no folder .dvc\); run from the project's root"):
        invoke("mcdb")
    (elsewhere / ".dvc").mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(InputError, match="git rev-parse: fatal: not a git repository"):
        invoke("mcdb")
    shell(elsewhere, "git", "init", "-q")
    with pytest.raises(InputError, match="has no commit yet"):
        invoke("mcdb")


def test_without_dvc(project, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(InputError, match="dvc was not found; activate the environment"):
        invoke("mcdb")


def test_the_commands_alone(project):
    before = state(project)
    said = invoke("mcdb", NO_DLA, "mcdb", "--study", "things-meg", "--with", "quick", "--dry-run").stdout.splitlines()
    assert len(said) == 2
    assert said[0].startswith("dvc exp run -n bench-things-meg-mcdb-quick -S ")
    assert "-S 'subjects=[sub-01]' " in said[0]
    keys = [word.split("=")[0] for word in shlex.split(said[1]) if "=" in word]
    assert len(keys) == len(set(keys))
    assert {"study.name", "loss.static.weights", "train.epochs"} <= set(keys)
    assert state(project) == before
    assert experiments(project) == []


def test_the_later_preset_counts(project):
    def options(*added):
        return planned([NO_DLA], "", added)[0].options

    assert "loss.balancer=static" in options()
    assert "loss.balancer=mcdb" in options("mcdb")
    assert "loss.balancer=static" not in options("mcdb")


@pytest.mark.parametrize(
    ("study", "says"),
    [
        ("phantom-meg", "preprocess.picks is 'visual-17', which are EEG channels, but study.layout things-meg-bids"),
        ("things-eeg2", "data/models/phantom has only ever seen the phantom's drawn pictures"),
    ],
)
def test_what_cannot_succeed_is_not_begun(project, study, says):
    assert says in invoke("ubp", "--study", study, "--dry-run").stderr
    said = invoke("ubp", "--study", study, "--out", "table.csv", expect=1).stdout
    assert f"failed: ubp: {says}" in said
    assert experiments(project) == []


@pytest.mark.parametrize("study", ["", "phantom-meg"])
def test_every_system_but_those_of_17_channels_of_eeg_can_begin(project, study):
    problems = {run.preset.name for run in planned(default_presets(), study, []) if run.problem}
    assert problems == (WITH_17 if study else set())
    assert not any(run.problem for run in planned(default_presets(), "", [study] if study else []))


def test_without_names_all_that_were_published():
    names = default_presets()
    assert {"neuroalign", NO_VSE, NO_DLA, "neuroalign-no-sga"} <= set(names)
    assert {"quick", "phantom", "things-eeg2"}.isdisjoint(names)
    assert all(read_preset(name).published for name in names if name != "chance")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mcbd"], r"preset is 'mcbd', allowed: .*did you mean 'mcdb'"),
        (["mcdb", "--with", "quik"], r"preset is 'quik', .*did you mean 'quick'"),
        (["mcdb", "--study", "things-eeg"], r"preset is 'things-eeg', .*did you mean 'things-eeg2'"),
        (["mcdb", "--out", "table.txt"], r"--out is 'table.txt', allowed: a file that ends in .csv or .json"),
        (["mcdb", "--published-as", "things"], r"--published-as is 'things', allowed: things-eeg2, things-meg"),
        (["phantom", "things-meg"], r"presets 'phantom' and 'things-meg' are on different studies \(phantom, things-"),
    ],
)
def test_what_makes_no_sense(project, words, message):
    with pytest.raises(InputError, match=message):
        invoke(*words)


def test_a_preset_that_no_longer_fits(project):
    (project / "params.yaml").write_text("study: {name: x}\nloss: {balancr: dla}\n")
    with pytest.raises(InputError, match=r"params.yaml: there is no parameter loss.balancer; did you mean"):
        invoke("mcdb")
