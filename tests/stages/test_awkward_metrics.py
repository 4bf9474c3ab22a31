"""Captions and names of concepts are data: through features, training and evaluation they change and break nothing."""

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline_lib.captioning.table import caption_table, write_captions
from pipeline_lib.common.stimulus_table import COLUMNS, checked_table, read_stimulus_table, write_stimulus_table
from pipeline_lib.features.bank import open_bank
from pipeline_lib.recordings.store import EpochsData, write_store
from stages import evaluate, features, train
from tests.features.tiny_models import slip_state, write_slip
from tests.stages.test_awkward_captions import TEXTS

AWKWARD = [
    'don\'t, "quote"',
    "two\nlines\tand a tab",
    "🦊 <script>alert('狐')</script> &amp;",
    "NA",
    "= 1 + 1; {concept} \\ 'x'",
    "007",
]
N_TEST = len(AWKWARD)
NAME = 'my "study", <b>🦊</b>'


def write_table(folder: Path, concepts: list[str]) -> list[str]:
    """Twelve training images, and of each of the concepts one to be tested and one for its centre; their ids."""
    named = [(f"thing{i // 2}", "train") for i in range(12)]
    named += [(concept, split) for split in ("test", "center") for concept in concepts]
    rows = []
    for number, (concept, split) in enumerate(named):
        code = 0 if split == "center" else number + 1
        rows.append((f"{split}/image{number}", f"{split}/image{number}.png", concept, split, code))
    write_stimulus_table(checked_table(pd.DataFrame(rows, columns=list(COLUMNS)), where="test"), folder / "stimuli.csv")
    return [row[0] for row in rows]


def write_inputs(folder: Path, texts: list[str]) -> None:
    """Pictures, captions, a model and the responses of one person."""
    rng = np.random.default_rng(0)
    ids = write_table(folder, AWKWARD)
    for image_id in ids:
        path = folder / "images" / f"{image_id}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), rng.integers(0, 256, (20, 20, 3), dtype=np.uint8))
    write_captions(caption_table(ids, texts, source="file", model="own, <b>.csv"), folder / "captions.csv")
    write_slip(folder / "slip", slip_state())
    shown = np.repeat([image_id for image_id in ids if not image_id.startswith("center")], 4)
    epochs = EpochsData(
        epochs=rng.normal(size=(len(shown), 6, 1)).astype(np.float32),
        image_ids=shown,
        session=np.tile([1, 2], len(shown) // 2),
        test=np.array([image_id.startswith("test") for image_id in shown]),
        ch_names=[f"E{number}" for number in range(6)],
        sfreq=None,
        tmin=0.0,
        subject="sub-01",
        whitening="none",
        provenance={},
    )
    write_store(folder / "epochs" / "sub-01.zarr.zip", epochs)


def write_params(folder: Path, params: dict[str, Any]) -> Path:
    """Small values of everything, with all galleries that need captions or concepts."""
    params.update(subjects=["sub-01"], held_out=[], seeds=[0])
    params["study"]["name"] = NAME
    params["features"] |= {"models": str(folder), "model": "slip", "views": ["raw"], "device": "cpu"}
    params["target"]["view"] = "raw"
    params["encoder"] |= {"name": "flat", "dim": 16}
    params["train"] |= {"epochs": 2, "batch_size": 8, "repeats": "single", "device": "cpu"}
    params["train"]["validation"]["size"] = 8
    params["evaluate"] |= {"galleries": ["image", "class-center", "text", "image+text"], "bootstrap": 20}
    params["evaluate"]["permutations"] = 20
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    return folder / "params.yaml"


def run(folder: Path, out: Path) -> None:
    """Stages `train` and `evaluate`."""
    bank, common = folder / "slip.h5", {"stimuli": folder / "stimuli.csv", "params_file": folder / "params.yaml"}
    store, runs = folder / "epochs" / "sub-01.zarr.zip", out / "runs"
    train.main(subject="sub-01", seed=0, epochs=store, features=bank, **common, out=runs / "intra" / "sub-01-seed0")
    evaluate.main(runs=runs, epochs=folder / "epochs", features=bank, **common, out=out / "metrics")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, shipped_params):
    """A study with awkward captions of the training images, names of the tested concepts and a name of its own."""
    path = tmp_path_factory.mktemp("study")
    texts = [*TEXTS, *(f"{text} again" for text in TEXTS), *(f"a {name}" for name in AWKWARD), *AWKWARD]
    write_inputs(path, texts)
    params = write_params(path, yaml.safe_load(yaml.safe_dump(shipped_params)))
    inputs = {"images": path / "images", "views": path / "nowhere", "captions": path / "captions.csv"}
    features.main(stimuli=path / "stimuli.csv", **inputs, out=path / "slip.h5", params_file=params)
    run(path, path / "out")
    return path


def test_the_texts_and_the_name_of_their_table_reach_the_bank(folder):
    with open_bank(folder / "slip.h5") as bank:
        assert bank.attributes["captions"] == "file own, <b>.csv"
        text = bank.read("text/final", bank.image_ids)
    assert np.isfinite(text).all()
    assert len(np.unique(text, axis=0)) > 20


def test_concepts_come_back_from_the_stimulus_table_as_they_were(folder):
    assert read_stimulus_table(folder / "stimuli.csv").of_split("test")["concept"].tolist() == AWKWARD


def test_the_metrics_are_whole(folder):
    text = (folder / "out" / "metrics" / "retrieval.json").read_text(encoding="utf-8")
    report = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert report["about"][0] == f"{NAME} study, recorded data"
    assert set(report["intra"]) == {"image", "class-center", "text", "image+text"}
    assert all(0 <= found["top1"] <= 1 for found in report["intra"].values())


def tables(folder: Path) -> dict[str, list[dict[str, str]]]:
    """The rows of every table of a run's metrics; all must be as long as their header."""
    found = {}
    for path in sorted((folder / "metrics").rglob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file, strict=True)
        assert {len(row) for row in rows} == {len(header)}, path
        found[path.name] = [dict(zip(header, row, strict=True)) for row in rows]
    return found


def test_every_table_of_the_metrics_is_whole(folder):
    found = tables(folder / "out")
    assert {"curves.csv", "n_way.csv", "subjects.csv"} <= set(found)
    assert {row["gallery"] for row in found["subjects.csv"]} == {"image", "class-center", "text", "image+text"}
    for rows in found.values():
        assert {row["concept"] for row in rows if "concept" in row} in (set(), set(AWKWARD))


def test_what_concepts_are_called_changes_no_figure(folder):
    before = (folder / "stimuli.csv").read_bytes()
    try:
        write_table(folder, [f"plain{number}" for number in range(N_TEST)])
        run(folder, folder / "plain")
    finally:
        (folder / "stimuli.csv").write_bytes(before)
    metrics = [folder / name / "metrics" for name in ("out", "plain")]
    assert metrics[0].joinpath("retrieval.json").read_bytes() == metrics[1].joinpath("retrieval.json").read_bytes()
    awkward, plain = tables(folder / "out"), tables(folder / "plain")
    assert awkward.keys() == plain.keys()
    for name, rows in awkward.items():
        assert [without_names(row) for row in rows] == [without_names(row) for row in plain[name]]


def without_names(row: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in row.items() if key not in ("concept", "found")}
