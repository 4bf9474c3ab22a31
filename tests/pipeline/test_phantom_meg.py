"""The MEG phantom through the whole pipeline: BIDS, catch trials, test concepts present in training."""

import json

import pandas as pd

from pipeline_lib.common.stimulus_table import read_stimulus_table
from pipeline_lib.recordings.store import open_store
from tests.pipeline.conftest import MINIATURE, copied_project

SMALL = {
    "phantom": {
        "image_size": 64,
        "train_concepts": 30,
        "train_images": 2,
        "test_concepts": 8,
        "center_images": 2,
        "sessions": 1,
        "test_repeats": 4,
    },
    "vse": MINIATURE["vse"],
    "train": MINIATURE["train"],
    "evaluate": MINIATURE["evaluate"],
}


def test_the_meg_phantom_ends_in_metrics(project_root, tmp_path):
    project = copied_project(project_root, tmp_path)
    project.run("trialign", "preset", "phantom-meg", "--write")
    project.edit_params(SMALL)
    project.reproduce_here("evaluate")
    report = json.loads((tmp_path / "metrics" / "retrieval.json").read_text())
    assert report["about"][0].startswith("phantom-meg study, synthetic data")
    assert report["about"][1] == "zero-shot: no image of a test concept is shown in training"
    assert 0 < report["intra"]["image"]["top1"] <= 1
    assert report["intra"]["class-center"]["p"] > 0

    store = open_store(tmp_path / "data" / "epochs" / "sub-BIGMEG1.zarr.zip")
    assert (store.n_channels, store.n_times, store.sfreq) == (271, 200, 200.0)
    assert not [name for name in store.ch_names if name.startswith("MRO11")]

    table = read_stimulus_table(tmp_path / "data" / "stimuli.csv")
    trained, tested = (set(table.concepts(store.trials(test=test).image_ids)) for test in (False, True))
    assert (len(trained), len(tested)) == (30, 8)
    assert not trained & tested

    events = pd.concat(
        pd.read_csv(file, sep="\t") for file in sorted((tmp_path / "data/raw/phantom-meg").rglob("*_events.tsv"))
    )
    quality = json.loads((tmp_path / "data/epochs/sub-BIGMEG1.quality.json").read_text())
    dropped = quality["trials"]["dropped"]
    assert dropped["catch"] == (events["trial_type"] == "catch").sum() > 0
    assert dropped["zero-shot"] == 8 * 2  # every training picture of a tested concept
