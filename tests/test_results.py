"""The results in git keep what the project promises of the phantom study, and README prints the same figures."""

import json
import subprocess

import pytest

from pipeline_lib.retrieval.report import detail_of
from tests.declarations import ROOT


@pytest.fixture(scope="module")
def report():
    """The metrics of the last commit: those in the working tree may be of an experiment under way."""
    shown = subprocess.run(
        ["git", "show", "HEAD:metrics/retrieval.json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if shown.returncode:
        pytest.skip("no metrics in git here")
    report = json.loads(shown.stdout)
    if not report["about"][0].startswith("phantom study"):
        pytest.skip("the metrics in git are of another study")
    return report


def test_intra_subject_retrieval_is_well_above_chance_and_below_ceiling(report):
    assert 0.3 <= report["intra"]["image"]["top1"] <= 0.8
    assert report["intra"]["image"]["p"] < 0.01


def test_inter_subject_retrieval_is_above_chance_and_lower(report):
    assert report["inter"]["image"]["p"] < 0.01
    assert report["inter"]["image"]["top1"] < report["intra"]["image"]["top1"]


def test_the_phantom_is_named_as_no_evidence(report):
    assert "no evidence about brains" in report["about"][0]


@pytest.mark.parametrize("protocol", ["intra", "inter"])
@pytest.mark.parametrize("gallery", ["image", "class-center"])
def test_readme_prints_these_figures(report, protocol, gallery):
    row = detail_of(report, protocol, gallery)
    low, high = row["interval"]["top1"]
    top1 = f"{100 * row['top1']:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
    line = (
        f"| {protocol} | {gallery} | {top1} | {100 * row['top5']:.1f} | {100 * row['top10']:.1f} | {row['mrr']:.3f} |"
    )
    assert line in (ROOT / "README.md").read_text(encoding="utf-8")
