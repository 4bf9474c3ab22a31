"""What the metric files promise."""

import csv

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import validated
from pipeline_lib.retrieval.params import EvaluateParams
from pipeline_lib.retrieval.report import (
    about_lines,
    detail_of,
    read_report,
    retrieval_report,
    rounded,
    write_n_way_rows,
    write_report,
    write_subject_rows,
)
from pipeline_lib.retrieval.summaries import FROM_BRAIN, TO_BRAIN, Result, both_directions

ABOUT = about_lines(
    study="phantom",
    synthetic=True,
    closed_set=False,
    repeats="mean",
    whitening="own-training-trials",
    selection="validation loss",
)


@pytest.fixture
def evaluate_params(params):
    return validated(
        {"evaluate": params["evaluate"] | {"bootstrap": 20, "permutations": 20}}, "evaluate", EvaluateParams
    )


def results(seeds=(0, 1)):
    rng = np.random.default_rng(0)
    runs = [
        Result(protocol, subject, seed, gallery, FROM_BRAIN, rng.normal(size=(12, 12)) + 2 * np.eye(12))
        for protocol in ("intra", "inter")
        for gallery in ("image", "class-center")
        for subject in ("sub-01", "sub-02")
        for seed in seeds
    ]
    return [one for run in runs for one in both_directions(run)]


def numbers_dvc_shows(content, prefix=""):
    """As ``dvc metrics`` reads a file: numbers and texts in nested mappings; lists and nulls are passed over."""
    if isinstance(content, dict):
        return {k: v for key, item in content.items() for k, v in numbers_dvc_shows(item, f"{prefix}.{key}").items()}
    return {prefix[1:]: content} if isinstance(content, int | float | str) else {}


def test_headline_figures_are_those_of_the_details(evaluate_params):
    report = retrieval_report(results(), evaluate_params, ABOUT)
    for protocol in ("intra", "inter"):
        for gallery in ("image", "class-center"):
            detail = detail_of(report, protocol, gallery)
            expected = {name: detail[name] for name in ("top1", "top5", "mrr", "p")}
            assert report[protocol][gallery] == expected | {"top1_sd": detail["sd"]["top1"]}


def test_details_hold_both_directions_of_every_gallery(evaluate_params):
    report = retrieval_report(results(), evaluate_params, ABOUT)
    assert len(report["details"]) == 8
    row = detail_of(report, "inter", "class-center", TO_BRAIN)
    for name in ("top1", "top5", "top10", "mrr", "map", "median_rank", "n_way", "chance", "interval", "p", "sd"):
        assert name in row
    with pytest.raises(KeyError):
        detail_of(report, "inter", "text")


def test_dvc_shows_few_columns(evaluate_params):
    shown = numbers_dvc_shows(retrieval_report(results(seeds=(0,)), evaluate_params, ABOUT))
    assert list(shown)[:4] == ["intra.image.top1", "intra.image.top5", "intra.image.mrr", "intra.image.p"]
    assert len(shown) == 2 * 2 * 4
    assert max(map(len, shown)) <= 24


def test_dvc_reads_the_report_so(evaluate_params, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    api, repo = pytest.importorskip("dvc.api"), pytest.importorskip("dvc.repo")
    repo.Repo.init(no_scm=True).close()
    report = retrieval_report(results(seeds=(0,)), evaluate_params, ABOUT)
    write_report(report, tmp_path / "retrieval.json")
    shown = api.metrics_show("retrieval.json")
    assert numbers_dvc_shows(shown) == numbers_dvc_shows(report)


def test_says_first_that_a_phantom_is_no_evidence(evaluate_params):
    report = retrieval_report(results(), evaluate_params, ABOUT)
    assert next(iter(report)) == "about"
    assert report["about"][0] == "phantom study, synthetic data: these accuracies are no evidence about brains"
    assert "whitening: own-training-trials" in report["about"]
    assert "zero-shot: no image of a test concept is shown in training" in report["about"]
    assert "queries: the mean over repeats of each test image" in report["about"]


def test_says_what_training_has_seen_and_what_a_query_is():
    facts = {"study": "n170", "synthetic": False, "whitening": "none", "selection": "validation loss"}
    closed = about_lines(**facts, closed_set=True, repeats="single")
    assert closed[0] == "n170 study, recorded data"
    assert closed[1].startswith("closed set: training may show other images of the test concepts")
    assert closed[2] == "queries: single trials"
    assert about_lines(**facts, closed_set=False, repeats=5)[2] == "queries: the mean of 5 repeats of each test image"


def test_a_gallery_more_changes_no_other_figure(evaluate_params):
    every = retrieval_report(results(), evaluate_params, ABOUT)
    some = retrieval_report([r for r in results() if r.gallery == "image"], evaluate_params, ABOUT)
    assert some["intra"]["image"] == every["intra"]["image"]
    assert detail_of(some, "inter", "image") == detail_of(every, "inter", "image")


def test_the_same_results_give_the_same_bytes(evaluate_params, tmp_path):
    for name in ("a.json", "b.json"):
        write_report(retrieval_report(results(), evaluate_params, ABOUT), tmp_path / name)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert read_report(tmp_path / "a.json") == retrieval_report(results(), evaluate_params, ABOUT)


def test_six_digits():
    assert rounded({"a": [1 / 3, 2], "b": {"c": 1e-9}, "d": None, "e": "x"}) == {
        "a": [0.333333, 2],
        "b": {"c": 0.0},
        "d": None,
        "e": "x",
    }


def read_rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_one_row_per_subject_and_seed(evaluate_params, tmp_path):
    write_subject_rows(results(), tmp_path / "plots" / "subjects.csv")
    rows = read_rows(tmp_path / "plots" / "subjects.csv")
    assert len(rows) == 2 * 2 * 2 * 2 * 2
    report = retrieval_report(results(), evaluate_params, ABOUT)
    chosen = [
        float(r["mrr"]) for r in rows if (r["protocol"], r["gallery"], r["direction"]) == ("intra", "image", FROM_BRAIN)
    ]
    assert np.mean(chosen) == pytest.approx(report["intra"]["image"]["mrr"], abs=1e-6)
    assert (rows[0]["subject"], rows[0]["seed"], rows[0]["gallery_size"]) == ("sub-01", "0", "12")


def test_n_way_rows_stop_at_the_size_of_the_gallery(evaluate_params, tmp_path):
    report = retrieval_report(results(), evaluate_params, ABOUT)
    write_n_way_rows(report, tmp_path / "n_way.csv")
    rows = read_rows(tmp_path / "n_way.csv")
    assert sorted({int(row["n"]) for row in rows}) == [2, 4, 10]
    assert {row["chance"] for row in rows} == {"0.5", "0.25", "0.1"}


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    write_subject_rows(results(), tmp_path / "subjects.csv")
    before = (tmp_path / "subjects.csv").read_bytes()
    with pytest.raises(ValueError, match="no diagonal"):
        write_subject_rows([Result("intra", "a", 0, "image", FROM_BRAIN, np.zeros((2, 3)))], tmp_path / "subjects.csv")
    assert (tmp_path / "subjects.csv").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', '{"details": 3}'])
def test_refuses_what_is_no_report(tmp_path, content):
    (tmp_path / "retrieval.json").write_text(content)
    with pytest.raises(InputError, match=r"retrieval.json: .*dvc repro"):
        read_report(tmp_path / "retrieval.json")


def test_says_how_to_get_the_report(tmp_path):
    with pytest.raises(InputError, match="no such file; 'dvc repro' makes it"):
        read_report(tmp_path / "retrieval.json")
