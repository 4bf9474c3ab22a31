"""What the stage `preprocess` promises on the command line."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline_lib.common.stimulus_table import COLUMNS
from pipeline_lib.recordings.store import open_store
from stages.preprocess import main
from tests.recordings.tiny_study import raw_file, save_session


@pytest.fixture
def folder(tmp_path, params):
    """A folder with params.yaml, a stimulus table and one subject's raw files."""
    rows = [(f"train/{i}", f"train/{i}.jpg", f"thing {i}", "train", i) for i in (1, 2)]
    rows += [(f"test/{i}", f"test/{i}.jpg", f"other {i}", "test", i) for i in (1, 2)]
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(tmp_path / "stimuli.csv", index=False)
    session = tmp_path / "raw" / "sub-01" / "ses-01"
    save_session(session, training=raw_file([1, 2, 99999, 1, 2]), test=raw_file([2, 1, 1], seed=1))
    params["study"]["root"] = str(tmp_path / "raw")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    return tmp_path


def run(folder, project_root, subject="sub-01"):
    command = [sys.executable, "-m", "stages.preprocess", "--subject", subject, "--out", folder / "out" / "x.zarr.zip"]
    command += ["--quality", folder / "out" / "x.json"]
    command += ["--stimuli", folder / "stimuli.csv", "--params-file", folder / "params.yaml"]
    return subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=False)


def test_writes_the_store_and_says_so_in_one_line(folder, project_root):
    result = run(folder, project_root)
    assert (result.returncode, result.stderr) == (0, "")
    out = folder / "out" / "x.zarr.zip"
    assert result.stdout == (
        "preprocess: sub-01: 4 training trials of 2 images, 3 test trials of 2 images, 3 channels x 250 samples "
        f"(events left out: 1 target) -> {out}\n"
    )
    store = open_store(out)
    assert (store.n_channels, store.n_times, store.attrs["subject"]) == (3, 250, "sub-01")
    assert store.means(test=True).image_ids == ["test/1", "test/2"]
    assert store.fitted().matrices[1].shape == (3, 3)
    assert store.fitted().sessions == {1: ["ses-01/raw_eeg_training.npy", "ses-01/raw_eeg_test.npy"]}
    assert store.ch_types == ["eeg"] * 3


def test_the_same_input_gives_the_same_bytes(folder):
    for name in ("x", "y"):
        paths = {"stimuli": folder / "stimuli.csv", "out": folder / name, "quality": folder / f"{name}.json"}
        main(subject="sub-01", **paths, params_file=folder / "params.yaml")
    for ending in ("", ".json", ".csv"):
        assert (folder / f"x{ending}").read_bytes() == (folder / f"y{ending}").read_bytes()


def test_writes_the_quality_beside_the_epochs(folder, project_root):
    run(folder, project_root)
    quality = json.loads((folder / "out" / "x.json").read_text())
    assert quality["trials"] == {"kept": {"train": 4, "test": 3}, "dropped": {"target": 1}}
    assert quality["repeats"] == {"train": {"2": 2}, "test": {"1": 1, "2": 1}}
    assert list(quality["condition"]) == ["1"]
    channels = pd.read_csv(folder / "out" / "x.csv")
    assert channels["channel"].tolist() == ["Fp1", "Oz", "Pz"]
    assert channels["deviation"].between(4e-6, 6e-6).all()  # white noise of 10 µV, a quarter of its band


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: None, "sub-09: no such subject; expected ses-01, ses-02, .*holds: sub-01"),
        (lambda folder: (folder / "stimuli.csv").unlink(), "no such stimulus table"),
        (lambda folder: (folder / "params.yaml").write_text("study: 1"), "params.yaml: study is 1"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(folder, project_root, spoil, message):
    spoil(folder)
    result = run(folder, project_root, subject="sub-09")
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("trialign: ")
    assert result.stderr.count("\n") == 1
    assert re.search(message, result.stderr)
    assert not list(folder.glob("out/*"))


def test_a_hostile_file_is_refused_and_leaves_the_old_store(folder, project_root):
    class Runs:
        def __reduce__(self):
            return os.system, (f"touch {folder / 'executed'}",)

    assert run(folder, project_root).returncode == 0
    before = (folder / "out" / "x.zarr.zip").read_bytes()
    np.save(folder / "raw" / "sub-01" / "ses-01" / "raw_eeg_test.npy", {"raw_eeg_data": Runs()})
    result = run(folder, project_root)
    assert result.returncode == 2
    assert "raw_eeg_test.npy: refused, nothing was run: the pickle asks for posix.system" in result.stderr
    assert not (folder / "executed").exists()
    assert (folder / "out" / "x.zarr.zip").read_bytes() == before
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["x.csv", "x.json", "x.zarr.zip"]
