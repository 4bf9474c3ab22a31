"""What is compared is what it is said to be, and what is measured is written down."""

import json
import subprocess
import sys

import numpy as np
import pytest
import yaml
from sklearn import discriminant_analysis

from benchmarks import preprocess
from benchmarks.preprocess import (
    correlated_epochs,
    covariance_figures,
    looped_covariance,
    scikit_learn_covariance,
    subject_figures,
    write_study,
)
from benchmarks.processes import peak_memory
from benchmarks.reporting import surroundings
from benchmarks.synthetic_subject import Size
from pipeline_lib.recordings.store import open_store


def test_the_baseline_is_scikit_learns_own():
    x = correlated_epochs(1, n_channels=7)[0].T.astype(np.float64)
    expected = discriminant_analysis._cov(x, shrinkage="auto")
    np.testing.assert_allclose(scikit_learn_covariance(x), expected, rtol=1e-12)
    np.testing.assert_allclose(looped_covariance(np.stack([x.T, 2 * x.T])), 2.5 * expected, rtol=1e-12)


def test_both_covariances_are_the_same():
    figures = covariance_figures(40)
    assert figures["relative_difference"] < 1e-6
    assert set(figures["ms_per_epoch"]) == {"scikit_learn", "threads_1", "threads_2"}
    assert (figures["channels"], figures["samples"], figures["dtype"]) == (63, 250, "float32")


def test_a_tiny_subject_goes_through_the_stage(tmp_path, monkeypatch):
    stores = []
    monkeypatch.setattr(preprocess, "open_store", lambda path: stores.append(open_store(path)) or stores[0])
    figures = subject_figures(Size(train_images=4, test_images=2), tmp_path / "scratch")
    assert (figures["train_trials"], figures["test_trials"]) == (16, 160)
    assert figures["training_means"] == [4, 63, 250]
    assert 0.05 < figures["preprocess_peak_gib"] < 4
    assert figures["preprocess_s"] > 0
    assert stores[0].attrs["whitening"] == "own-training-trials"
    assert not list((tmp_path / "scratch").iterdir())


def test_peak_memory_is_that_of_the_command_alone():
    ballast = np.ones(200 << 20, dtype=np.uint8)
    idle = peak_memory([sys.executable, "-c", "import time; time.sleep(0.5)"])
    busy = peak_memory(
        [sys.executable, "-c", "x = bytearray(100 << 20); x[::4096] = x[::4096]; import time; time.sleep(0.5)"]
    )
    assert idle < len(ballast) / 4
    assert 80 << 20 < busy - idle < 130 << 20


def test_a_command_that_fails_is_no_measurement():
    with pytest.raises(subprocess.CalledProcessError):
        peak_memory([sys.executable, "-c", "raise SystemExit(3)"])


def test_figures_say_where_and_when(project_root):
    said = json.loads(json.dumps(surroundings(["numpy"])))
    assert said["machine"]["processors"] >= 1
    assert said["versions"]["numpy"] == np.__version__
    assert len(said["commit"].removesuffix("-dirty")) == 40


def test_the_study_is_preprocessed_as_things_eeg2_whichever_is_in_params(tmp_path, monkeypatch, params):
    params["preprocess"] |= {"picks": "visual-17", "exclude": ["MRO11"], "sfreq": 100.0}
    params["study"] |= {"layout": "things-meg-bids"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.setattr(preprocess, "ROOT", tmp_path)
    (tmp_path / "scratch").mkdir()
    write_study(tmp_path / "scratch", Size(train_images=2, test_images=2))
    written = yaml.safe_load((tmp_path / "scratch" / "params.yaml").read_text())
    kept = [written["preprocess"][name] for name in ("picks", "exclude", "sfreq")]
    assert (kept, written["study"]["layout"]) == (["all", [], 250.0], "things-eeg2")
