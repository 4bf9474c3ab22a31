"""The whole main job on real brain responses to real photographs: macaque V4, layout `arrays`, own features."""

import json
import zipfile

import numpy as np
import pandas as pd

from tests.pipeline.conftest import copied_project


def write_study(source, root, *, shuffled):
    """Lay `spikes-v4` out as a study: every sixth picture is test, as the known answers have it."""
    responses = np.load(source / "responses_avg_190923.npy").T.astype(np.float32)
    features = np.load(source / "mobilenet_v1_features_190923.npy")
    assert len(responses) == len(features) == 1200
    files = [f"image{i + 1:04d}.jpg" for i in range(1200)]
    split = np.where(np.arange(1200) % 6 == 0, "test", "train")
    order = np.arange(1200)
    if shuffled:
        train = np.flatnonzero(split == "train")
        order[train] = np.random.default_rng(0).permutation(train)
    subject = root / "monkey"
    subject.mkdir(parents=True)
    np.save(subject / "responses.npy", responses[order])
    pd.DataFrame({"image": files, "split": split}).to_csv(subject / "trials.csv", index=False)
    own = root / "mobilenet"
    own.mkdir()
    np.save(own / "features.npy", features)
    (own / "images.txt").write_text("\n".join(files) + "\n")
    (root / "images").mkdir()
    with zipfile.ZipFile(source / "images_190923.zip") as archive:
        archive.extractall(root / "images")


def reproduce(project_root, folder, real_data, *, shuffled, seeds):
    project = copied_project(project_root, folder)
    root = folder / "data" / "raw" / "spikes-v4"
    write_study(real_data / "spikes-v4", root, shuffled=shuffled)
    project.run("trialign", "preset", "arrays", "--write")
    project.edit_params(
        {
            "subjects": ["monkey"],
            "seeds": seeds,
            "study": {
                "name": "spikes-v4",
                "root": "data/raw/spikes-v4",
                "images": "data/raw/spikes-v4/images/images_190923",
                "stimuli": "data/raw/spikes-v4/monkey/trials.csv",
            },
            "features": {"model": "mobilenet", "models": "data/raw/spikes-v4"},
        }
    )
    project.reproduce_here("evaluate")
    return json.loads((folder / "metrics" / "retrieval.json").read_text())


def test_real_responses_find_unseen_photographs(project_root, tmp_path, real_data):
    report = reproduce(project_root, tmp_path, real_data, shuffled=False, seeds=[0, 1, 2])
    found = report["intra"]["image"]
    assert found["top1"] >= 0.17
    assert found["top5"] >= 0.43
    assert found["p"] < 0.01
    assert "inter" not in report
    assert "no evidence" not in report["about"][0]


def test_shuffled_training_pairs_find_nothing(project_root, tmp_path, real_data):
    found = reproduce(project_root, tmp_path, real_data, shuffled=True, seeds=[0])["intra"]["image"]
    assert found["top1"] < 0.02
    assert found["p"] > 0.01
