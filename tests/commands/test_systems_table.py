"""What the table of systems promises."""

import pytest

from pipeline_lib.commands.systems_table import COLUMNS, Comparison, Outcome, notes, render, rows
from pipeline_lib.common.params import validated
from pipeline_lib.retrieval.params import EvaluateParams
from pipeline_lib.retrieval.report import retrieval_report
from pipeline_lib.retrieval.summaries import FROM_BRAIN, Result, both_directions

FIGURES = {"things-eeg2": {"intra": (48.1, 78.1), "inter": (14.5, None)}}


def made_report(params, *, seeds=(0,), protocols=("intra", "inter"), galleries=("image",), size=200, right=50):
    """A real report: the first `right` of `size` images are found, the others come last."""
    import numpy as np

    similarity = np.where(np.arange(size) < right, 2.0, -2.0)[:, None] * np.eye(size)
    options = params["evaluate"] | {"bootstrap": 20, "permutations": 20}
    runs = [
        Result(protocol, "sub-01", seed, gallery, FROM_BRAIN, similarity)
        for protocol in protocols
        for gallery in galleries
        for seed in seeds
    ]
    both = [one for run in runs for one in both_directions(run)]
    return retrieval_report(both, validated({"evaluate": options}, "evaluate", EvaluateParams), ["some study"])


def lines_of(comparison):
    from rich.console import Console

    console = Console(width=250)
    with console.capture() as capture:
        console.print(render(comparison))
    return [" ".join(line.split()) for line in capture.get().splitlines()]


def test_ours_beside_theirs(params):
    outcome = Outcome("some", FIGURES, "bench-some", made_report(params))
    comparison = Comparison([outcome], "things-eeg2", "things-eeg2")
    assert comparison.why_not == ""
    low, high = (100 * share for share in outcome.report["details"][0]["interval"]["top1"])
    cell = f"25.0 [{low:.1f}, {high:.1f}] / 25.0"
    assert lines_of(comparison)[-2] == f"some image (200) {cell} 48.1 / 78.1 {cell} 14.5 / - bench-some"
    assert "published: THINGS-EEG2, 200 images, as the papers print it" in notes(comparison)
    assert not any("not comparable" in line for line in [*lines_of(comparison), *notes(comparison)])
    assert all(row["comparable"] for row in rows(comparison))


def test_sd_over_seeds_in_place_of_the_interval(params):
    comparison = Comparison([Outcome("some", {}, "e", made_report(params, seeds=(0, 1)))], "mine", "")
    assert lines_of(comparison)[-2] == "some image (200) 25.0 ± 0.0 / 25.0 ± 0.0 25.0 ± 0.0 / 25.0 ± 0.0 e"
    assert notes(comparison)[0] == (
        "ours: mean over intra 1 subject and 2 seeds, inter 1 subject and 2 seeds; ± sd over seeds"
    )
    assert rows(comparison)[0]["top1_sd"] == 0
    assert "nothing published is known for study 'mine'; --published-as names one that is alike" in notes(comparison)


def test_another_number_of_images_does_not_compare(params):
    outcomes = [Outcome("some", FIGURES, "e", made_report(params, size=60, right=20, protocols=("intra",)))]
    comparison = Comparison(outcomes, "things-eeg2", "things-eeg2")
    assert "not comparable: ours are among 60 images, the published among 200" in notes(comparison)[2]
    assert sum(line.count("not comparable") for line in lines_of(comparison)) == 2
    assert " - 14.5 / - e" in lines_of(comparison)[-2]


def test_published_figures_stand_beside_the_first_gallery(params):
    report = made_report(params, galleries=("image", "class-center"))
    comparison = Comparison([Outcome("some", FIGURES, "e", report)], "things-eeg2", "things-eeg2")
    found = [(row["gallery"], row["protocol"], row["published_top1"]) for row in rows(comparison)]
    assert found == [
        ("image", "intra", 48.1),
        ("class-center", "intra", None),
        ("image", "inter", 14.5),
        ("class-center", "inter", None),
    ]
    assert lines_of(comparison)[-2].startswith("class-center (200) 25.0 [")


def test_rows_are_percent_of_the_report(params):
    outcome = Outcome("some", FIGURES, "e", made_report(params))
    row = rows(Comparison([outcome], "things-eeg2", "things-eeg2"))[0]
    assert tuple(row) == COLUMNS
    assert (row["top1"], row["top5"], row["top1_chance"], row["top5_chance"]) == (25, 25, 0.5, 2.5)
    assert (row["images"], row["subjects"], row["seeds"], row["top1_sd"]) == (200, 1, 1, None)
    assert row["top1_low"] < 25 < row["top1_high"]


@pytest.mark.parametrize("error", ["it broke", "list [a, b] and [bold]"])
def test_a_failure(error):
    comparison = Comparison([Outcome("some", FIGURES, error=error)], "things-eeg2", "things-eeg2")
    assert lines_of(comparison)[-2] == "some failed - 48.1 / 78.1 - 14.5 / - -"
    assert notes(comparison)[-1] == f"failed: some: {error}"
    assert rows(comparison)[0]["error"] == error
