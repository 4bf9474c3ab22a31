"""Every system's preset trains and evaluates on a miniature study, and finds pictures it has never seen."""

import pandas as pd
import pytest

from pipeline_lib.reporting.sections import figures
from tests.commands.shipped_presets import SYSTEMS
from tests.pipeline.small_study import SmallStudy

CERTAIN = 0.01
SLOW_LEARNERS = {"bravl": {"train": {"learning_rate": 0.003, "epochs": 40}, "bravl": {"contrast_samples": 2}}}


def assert_drawn(folder):
    """Every figure of training and accuracies can be drawn of what the system logs, whatever that lacks."""
    drawn = {}
    for shown in figures():
        if shown.table.startswith("plots/"):
            drawn[shown.title] = shown.figures(pd.read_csv(folder / shown.table))
            for figure in drawn[shown.title].values():
                figure.draw_without_rendering()
    assert drawn["Losses"]
    assert drawn["Top-k accuracy"]


@pytest.fixture(scope="module")
def study(tmp_path_factory, shipped_params, project_root):
    return SmallStudy(tmp_path_factory.mktemp("systems"), shipped_params, project_root / "data/models/phantom")


@pytest.mark.parametrize("name", sorted(SYSTEMS - {"chance"}))
def test_a_system_is_above_chance(study, name):
    found = study.metrics(name, study.of_system(name, **SLOW_LEARNERS.get(name, {})))["intra"]
    first = next(iter(found.values()))
    assert first["p"] < CERTAIN
    assert first["top5"] > 2 * 5 / 20
    assert_drawn(study.folder / name)


def test_shuffled_pairs_are_at_chance(study):
    found = study.metrics("chance", study.of_system("chance"))["intra"]
    assert next(iter(found.values()))["p"] > CERTAIN
