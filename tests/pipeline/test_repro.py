"""`dvc repro` end to end: what it makes, what it skips, and that it makes the same again."""

import json
import shutil

import pandas as pd
import pytest

OUTPUTS = [
    "data/stimuli.csv",
    "data/captions.csv",
    "data/views/vse.zarr.zip",
    "data/features/slip-b16.h5",
    "data/epochs/sub-01.zarr.zip",
    "data/epochs/sub-01.quality.json",
    "data/epochs/sub-01.quality.csv",
    "data/runs/intra/sub-02-seed0/model.safetensors",
    "data/runs/inter/sub-01-seed0/history.csv",
    "metrics/retrieval.json",
    "metrics/plots/subjects.csv",
    "metrics/plots/n_way.csv",
    "metrics/plots/curves.csv",
    "metrics/plots/top_k.csv",
    "metrics/plots/time_windows.csv",
    "metrics/plots/regions.csv",
    "metrics/queries.csv",
    "metrics/analysis",
]
PAGES = ["metrics/report.html", "metrics/plots_page.html"]  # dates and random names stand in a report
READERS = [
    ({"phantom": {"snr": 3.0}}, {"phantom@phantom"}),
    ({"preprocess": {"tmax": 0.9}}, {"preprocess@sub-01", "preprocess@sub-02"}),
    ({"preprocess": {"whitening": {"covariance": "time"}}}, {"preprocess@sub-01", "preprocess@sub-02"}),
    ({"preprocess": {"reject_peak_to_peak": 1e-4}}, {"preprocess@sub-01", "preprocess@sub-02"}),
    ({"vse": {"eta": 0.5}}, {"vse"}),
    ({"caption": {"prompt": "B"}}, {"caption"}),
    ({"features": {"dtype": "float16"}}, {"features"}),
    ({"target": {"view": "raw"}}, {"train", "train-inter", "analyse"}),
    ({"encoder": {"dim": 128}}, {"train", "train-inter", "analyse"}),
    ({"loss": {"balancer": "mcdb"}}, {"train", "train-inter", "analyse"}),
    ({"loss": {"spr": {"enabled": True}}}, {"train", "train-inter", "analyse"}),
    ({"train": {"learning_rate": 0.001}}, {"train", "train-inter", "analyse"}),
    ({"evaluate": {"galleries": ["text"]}}, {"evaluate", "analyse"}),
    ({"analysis": {"gallery": "class-center"}}, {"analyse"}),
    ({"report": {"dpi": 80}}, set()),
    ({"held_out": ["sub-02"]}, {"train-inter@sub-02-0", "evaluate", "analyse"}),
    ({"seeds": [1]}, {"train@sub-01-1", "train@sub-02-1", "train-inter@sub-01-1", "evaluate", "analyse"}),
    ({"study": {"closed_set": True}}, {"stimuli", "preprocess@sub-01", "preprocess@sub-02", "evaluate"}),
    ({"study": {"name": "other"}}, {"stimuli", "preprocess@sub-01", "preprocess@sub-02", "evaluate"}),
]
TRAINED = {
    "train": {"train@sub-01-0", "train@sub-02-0"},
    "train-inter": {"train-inter@sub-01-0"},
}


def changed_stages(project):
    """The stages that DVC would run because of their own parameters, code or missing outputs."""
    return set(json.loads(project.run("dvc", "status", "--json").stdout))


@pytest.mark.parametrize("output", [*OUTPUTS, *PAGES])
def test_every_declared_output_is_there(miniature, output):
    assert (miniature.folder / output).exists()


def test_metrics_name_the_study_and_hold_both_protocols(miniature):
    report = json.loads((miniature.folder / "metrics/retrieval.json").read_text())
    assert "no evidence about brains" in report["about"][0]
    for protocol in ("intra", "inter"):
        assert 0 <= report[protocol]["image"]["top1"] <= 1
        assert report[protocol]["class-center"]["p"] > 0
    assert {row["direction"] for row in report["details"]} == {"from-brain", "to-brain"}


def test_curves_hold_every_run_and_the_loss_weights(miniature):
    curves = pd.read_csv(miniature.folder / "metrics/plots/curves.csv")
    assert set(curves["run"]) == {"intra sub-01-seed0", "intra sub-02-seed0", "inter sub-01-seed0"}
    weights = curves[[name for name in curves if name.startswith("weight_")]]
    assert weights.shape[1] == 3
    assert weights.sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-4)


def test_nothing_is_left_to_do(miniature):
    assert changed_stages(miniature) == set()


@pytest.mark.parametrize(("changes", "readers"), READERS, ids=[str(changes) for changes, _ in READERS])
def test_a_parameter_concerns_exactly_the_stages_that_read_it(miniature, changes, readers):
    before = (miniature.folder / "params.yaml").read_text()
    miniature.edit_params(changes)
    try:
        found = changed_stages(miniature)
    finally:
        (miniature.folder / "params.yaml").write_text(before)
    shown = {"report"}  # it shows all parameters
    assert found == shown.union(*(TRAINED.get(name, {name}) for name in readers))


def test_an_ablation_is_one_flag(miniature):
    miniature.run("dvc", "exp", "run", "-q", "-n", "with-mcdb", "-S", "loss.balancer=mcdb", "evaluate")
    shown = miniature.run("dvc", "metrics", "diff").stdout
    assert "intra.image.mrr" in shown
    assert "with-mcdb" in miniature.run("dvc", "exp", "show", "--csv").stdout
    history = pd.read_csv(miniature.folder / "data/runs/intra/sub-01-seed0/history.csv")
    assert "kappa/image" in history
    miniature.run("git", "checkout", "-q", ".")
    miniature.run("dvc", "checkout", "-q")
    assert changed_stages(miniature) == set()


def test_a_leftover_of_an_earlier_list_is_not_counted(miniature):
    before = (miniature.folder / "params.yaml").read_text()
    miniature.edit_params({"subjects": ["sub-01"], "held_out": []})
    try:
        miniature.run("dvc", "repro", "evaluate")
        rows = pd.read_csv(miniature.folder / "metrics/plots/subjects.csv")
    finally:
        (miniature.folder / "params.yaml").write_text(before)
        miniature.run("git", "checkout", "-q", ".")
        miniature.run("dvc", "checkout", "-q")
    assert set(rows["subject"]) == {"sub-01"}
    assert set(rows["protocol"]) == {"intra"}


def test_a_misspelt_parameter_stops_the_stage_with_one_line(miniature):
    before = (miniature.folder / "params.yaml").read_text()
    (miniature.folder / "params.yaml").write_text(before.replace("  balancer: dla", "  balancr: dla"))
    try:
        failed = miniature.run("dvc", "repro", "train@sub-01-0", check=False)
    finally:
        (miniature.folder / "params.yaml").write_text(before)
    assert failed.returncode != 0
    line = next(line for line in failed.stderr.splitlines() if line.startswith("trialign:"))
    assert "unknown parameter loss.balancr" in line
    assert "did you mean 'balancer'?" in line
    assert "Traceback" not in failed.stderr
    miniature.run("git", "checkout", "-q", ".")
    miniature.run("dvc", "checkout", "-q")


def test_the_same_again_from_an_empty_cache_is_byte_identical(miniature):
    first = written(miniature.folder)
    shutil.rmtree(miniature.folder / ".dvc" / "cache")
    for name in ("raw/phantom", "epochs", "views", "features", "runs"):
        shutil.rmtree(miniature.folder / "data" / name)
    miniature.run("dvc", "repro", "--no-run-cache", "evaluate", "analyse")
    again = written(miniature.folder)
    assert len(first) > len(OUTPUTS)
    assert first.keys() == again.keys()
    assert [name for name in first if first[name] != again[name]] == []


def written(folder):
    """Every file of the outputs, and of the folders among them, by its path."""
    files = [file for name in OUTPUTS for file in (folder / name, *(folder / name).glob("*")) if file.is_file()]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}
