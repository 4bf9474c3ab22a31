"""The main job on a real recording of two classes: single trials of a held-out run find their class."""

import json

from tests.pipeline.conftest import copied_project
from tests.recordings import n170

SETTINGS = {
    "phantoms": [],
    "held_out": [],
    "preprocess": {
        "tmin": -0.1,
        "tmax": 0.8,
        "filter": {"low": 1.0, "high": 30.0},
        "sfreq": None,
        "crop": {"start": 0.05, "stop": 0.5},
        "max_repeats": {"train": None, "test": None},
        "reject_peak_to_peak": 75e-6,
    },
    "vse": {"enabled": False},
    "caption": {"source": "label", "prompt": "label"},
    "features": {"views": ["raw"]},
    "target": {"view": "raw"},
    "encoder": {"name": "flat"},
    "loss": {"objectives": ["brain-image"], "balancer": "static", "positives": "concept"},
    "train": {"repeats": "single", "epochs": 20, "validation": {"size": 100}},
    "evaluate": {"repeats": "single", "galleries": ["class-center"], "n_way": [2]},
}


def test_single_trials_of_a_held_out_run_find_their_class(project_root, tmp_path, real_data):
    project = copied_project(project_root, tmp_path)
    root = tmp_path / "data" / "raw" / "n170"
    subjects = n170.write_bids(real_data, root)
    project.edit_params(SETTINGS)
    project.edit_params(
        {
            "subjects": subjects,
            "study": {
                "name": "n170",
                "layout": "bids",
                "root": "data/raw/n170",
                "images": str(real_data / "recordings" / "muse_n170" / "pictures"),
                "stimuli": "data/raw/n170/images.csv",
                "closed_set": True,
            },
        }
    )
    project.reproduce_here("evaluate")
    report = json.loads((tmp_path / "metrics" / "retrieval.json").read_text())
    assert any(line.startswith("closed set") for line in report["about"])
    assert "queries: single trials" in report["about"]
    (detail,) = [row for row in report["details"] if row["direction"] == "from-brain"]
    print(f"n170: top-1 {detail['top1']:.3f} of {detail['queries']} trials a fold, p {detail['p']:.4f}")
    assert (detail["subjects"], detail["gallery_size"], detail["chance"]["top1"]) == (6, 2, 0.5)
    assert detail["top1"] > 0.5
    assert detail["p"] < 0.01  # all six folds pooled
