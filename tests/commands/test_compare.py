"""What `trialign compare` and `trialign table` promise, on a project with experiments."""

import json
import shutil

import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline_lib.commands.main import build_app
from pipeline_lib.common.errors import InputError
from tests.commands.fake_project import commit, environment, shell, state

DVC_YAML = """
stages:
  evaluate:
    cmd: python stage.py
    deps: [stage.py]
    params: [hits, images]
    outs:
    - metrics/queries.csv
    metrics:
    - metrics/retrieval.json:
        cache: false
"""
STAGE = """
import json
from pathlib import Path

import yaml

params = yaml.safe_load(Path("params.yaml").read_text())
rows = ["protocol,gallery,subject,seed,image_id,concept,rank,n_gallery,found"]
for protocol in ("intra", "inter"):
    for number in range(params["images"]):
        rank = 1 if number < params["hits"] else 7
        rows.append(f"{protocol},image,sub-01,0,image{number},c,{rank},40,x")
Path("metrics").mkdir(exist_ok=True)
Path("metrics/queries.csv").write_text("\\n".join(rows) + "\\n")
report = {"intra": {"image": {"top1": params["hits"] / params["images"]}}, "details": []}
Path("metrics/retrieval.json").write_text(json.dumps(report))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Commits before any run and after one, and experiments on the second."""
    folder = tmp_path_factory.mktemp("compared") / "project"
    (folder / "metrics").mkdir(parents=True)
    (folder / "dvc.yaml").write_text(DVC_YAML)
    (folder / "stage.py").write_text(STAGE)
    (folder / "params.yaml").write_text("hits: 30\nimages: 40\n")
    (folder / "metrics" / ".gitignore").write_text("/queries.csv\n")
    for words in (("git", "init", "-q", "-b", "main"), ("dvc", "init", "-q")):
        shell(folder, *words)
    for key, value in (("user.email", "test@example.org"), ("user.name", "test")):
        shell(folder, "git", "config", key, value)
    commit(folder, "project")
    shell(folder, "git", "tag", "before")
    shell(folder, "dvc", "repro", "-q")
    commit(folder, "reproduced")
    for name, change in (("alike", "hits=29"), ("_worse_", "hits=5"), ("other-images", "images=39")):
        shell(folder, "dvc", "exp", "run", "-q", "-n", name, "-S", change)
        shell(folder, "git", "checkout", "-q", ".")
    shell(folder, "dvc", "checkout", "-q")
    return folder


@pytest.fixture
def inside(project, monkeypatch):
    monkeypatch.chdir(project)
    monkeypatch.setenv("PATH", environment()["PATH"])
    return project


def invoke(*words):
    result = CliRunner().invoke(build_app(words[0]), [str(word) for word in words])
    if result.exception:
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


def refused(*words):
    with pytest.raises(InputError) as error:
        invoke("compare", *words)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_experiments_beside_a_commit(inside):
    before = state(inside)
    said = invoke("compare", "main", "alike", "_worse_", "--protocol", "intra")
    assert state(inside) == before
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert lines[3:6] == [
        "intra image (40) top-1 % main 75.0 baseline",
        "alike 72.5 -2.5 [-7.5, +0.0] 1 1",
        f"_worse_ 12.5 {' '.join(lines[5].split()[2:])}",
    ]
    assert lines[5].split()[2] == "-62.5"
    assert "intra image: 40 images, subjects 1, seeds 1; chance 2.5 / 12.5 %, MRR 0.107" in lines
    assert any("corrected for the 6 tests of this table" in line for line in lines)


def test_the_workspace_a_file_and_a_folder_are_experiments_too(inside, tmp_path):
    shutil.copy(inside / "metrics" / "queries.csv", tmp_path / "mine.csv")
    found = json.loads(invoke("compare", "HEAD", "workspace", tmp_path / "mine.csv", inside, "--json"))
    assert {row["p"] for row in found["rows"]} == {None, 1.0}
    assert {row["difference"] for row in found["rows"]} == {None, 0.0}


def test_table_and_figure_as_files(inside, tmp_path):
    files = tmp_path / "new" / "table.csv", tmp_path / "figure.png"
    invoke("compare", "main", "_worse_", "--out", files[0], "--figure", files[1])
    rows = pd.read_csv(files[0])
    assert rows["difference"].dropna().lt(0).all()
    assert rows["p_holm"].dropna().between(0, 0.01).sum() == 6
    assert files[1].read_bytes().startswith(b"\x89PNG")


def test_the_seed_is_that_of_intervals_and_p_values(inside):
    words = ("compare", "main", "_worse_", "--json", "--resamples", "200")
    assert invoke(*words) == invoke(*words, "--seed", "0")
    assert invoke(*words) != invoke(*words, "--seed", "1")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("main",), "only 'main' is named"),
        (("main", "alike", "main"), "experiment 'main' is named twice"),
        (("main", "alke"), "'alke': no experiment, commit or file of that name; did you mean 'alike'?"),
        (("main", "metrics/plots"), "'dvc exp list' names the experiments"),
        (("main", "--all"), "no experiment, commit or file of that name"),
        (("main", "before"), "'before' holds no metrics/queries.csv; its stage evaluate ran before"),
        (("main", "other-images"), "were not tested with the same images (1 are in one only: image39)"),
        (("main", "alike", "--gallery", "text"), "--gallery is 'text', allowed: image"),
        (("main", "alike", "--figure", "x.txt"), "--figure is 'x.txt', allowed: a file that ends in .png"),
        (("main", "alike", "--out", "x.json"), "--out is 'x.json'"),
        (("main", "stage.py"), "stage.py: columns are missing: protocol"),
    ],
)
def test_what_cannot_be_compared_is_one_line(inside, words, says):
    words = ("--", *words) if "--all" in words else words
    assert says in refused(*words)


def test_what_the_cache_lost_is_named(inside, tmp_path, monkeypatch):
    shutil.copytree(inside, tmp_path / "copy", symlinks=True)
    shutil.rmtree(tmp_path / "copy" / ".dvc" / "cache")
    monkeypatch.chdir(tmp_path / "copy")
    assert refused("main", "alike") == (
        "'main' has its metrics/queries.csv not in DVC's cache; 'dvc pull' fetches what was pushed, else run it anew"
    )
    (tmp_path / "copy" / "metrics" / "queries.csv").unlink()
    assert "metrics/queries.csv: no such file; 'dvc repro' makes it" in refused("workspace", "main")


def test_outside_a_project_names_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refused("main", "other").startswith("git ")


def test_experiments_as_tables(inside, tmp_path):
    said = invoke("table", "--ablation", "--out", tmp_path / "ablation.md")
    assert (tmp_path / "ablation.md").read_text(encoding="utf-8").splitlines() == [
        "| experiment | differs from main in | intra.image.top1 | difference |",
        "| --- | --- | --: | --: |",
        "| main | baseline | 0.7500 |  |",
        "| alike | hits: 29 (30) | 0.7250 | -0.0250 |",
        "| \\_worse\\_ | hits: 5 (30) | 0.1250 | -0.6250 |",
        "| other-images | images: 39 (40) | 0.7692 | +0.0192 |",
    ]
    assert "_worse_" in said
    invoke("table", "--rows", "hits", "--columns", "images", "--out", tmp_path / "pivot.csv")
    assert (tmp_path / "pivot.csv").read_text(encoding="utf-8") == (
        "hits \\ images,39,40\n5,–,0.1250\n29,–,0.7250\n30,0.7692,0.7500\n"
    )


def test_a_commit_that_does_not_exist(inside):
    with pytest.raises(InputError, match=r"dvc exp show: .*nothing"):
        invoke("table", "--ablation", "--rev", "nothing")
