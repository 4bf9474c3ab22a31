"""What `trialign results` promises."""

import numpy as np
import pytest
from typer.testing import CliRunner

from pipeline_lib.commands.main import build_app
from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import validated
from pipeline_lib.retrieval.params import EvaluateParams
from pipeline_lib.retrieval.report import retrieval_report, write_report
from pipeline_lib.retrieval.summaries import FROM_BRAIN, Result, both_directions


@pytest.fixture
def report_file(params, tmp_path):
    options = validated(
        {"evaluate": params["evaluate"] | {"bootstrap": 20, "permutations": 20}}, "evaluate", EvaluateParams
    )
    rng = np.random.default_rng(0)
    runs = [
        Result(protocol, "sub-01", seed, gallery, FROM_BRAIN, rng.normal(size=(60, 60)) + strength * np.eye(60))
        for protocol, strength in (("intra", 3), ("inter", 1))
        for gallery in ("image", "class-center")
        for seed in (0, 1)
    ]
    both = [one for run in runs for one in both_directions(run)]
    write_report(retrieval_report(both, options, ["phantom study, synthetic"]), tmp_path / "retrieval.json")
    return tmp_path / "retrieval.json"


def run(*words):
    result = CliRunner().invoke(build_app("results"), ["results", *map(str, words)])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


def test_a_line_for_each_protocol_and_gallery(report_file):
    lines = [line for line in run(report_file).splitlines() if "intra" in line or "inter" in line]
    assert [line.split()[:2] for line in lines] == [
        ["intra", "image"],
        ["intra", "class-center"],
        ["inter", "image"],
        ["inter", "class-center"],
    ]
    assert "±" in lines[0]
    assert "1.7" in lines[0]
    assert max(map(len, lines)) <= 120


def test_both_directions(report_file):
    assert run(report_file, "--both").count("to-brain") == 4


def test_what_has_to_be_known_stands_below(report_file):
    assert run(report_file).rstrip().endswith("phantom study, synthetic")


def test_before_the_first_run(tmp_path):
    with pytest.raises(InputError, match="dvc repro"):
        run(tmp_path / "retrieval.json")
