"""Training runs of full size, from files to a run folder, on noise: their peak memory, and their time on a GPU."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from benchmarks.made_training import FEATURE_DIM, NEUROALIGN
from benchmarks.processes import peak_memory, scratch_folder
from benchmarks.reporting import ROOT, rounded, say
from pipeline_lib.commands.params_edit import with_values
from pipeline_lib.common.params import read_params
from pipeline_lib.common.stimulus_table import COLUMNS, checked_table, write_stimulus_table
from pipeline_lib.features.bank import BankWriter
from pipeline_lib.recordings.store import EpochsData, write_store

TEST_IMAGES = 2
HELD_OUT = "sub-00"


@dataclass(frozen=True)
class Study:
    """Its training part; a sample is the mean over an image's trials.

    Attributes
    ----------
    images : int
        Training images, all seen by every subject.
    validation : int
        Samples per subject that are held out of them.
    n_channels, n_times, batch : int
    subjects : int
        Those trained on together. All have the same recording: what counts is its size.
    """

    images: int = 16540
    validation: int = 740
    n_channels: int = 63
    n_times: int = 250
    batch: int = 1000
    subjects: int = 9

    def names(self, count: int) -> list[str]:
        """Of the first subjects."""
        return [f"sub-{number:02d}" for number in range(1, count + 1)]


EEG = Study()


def memory_figures(study: Study, scratch: Path | None) -> dict[str, Any]:
    """The most memory that training for one epoch takes, on one subject and on all, as the stages do it."""
    with _written(study, scratch) as folder:
        options = {"loss.balancer": "dla", "loss.dla.scope": "all", "train.device": "cpu", "train.threads": 1}
        _write_params(folder, study, {**options, "train.epochs": 1, "train.inter_epochs": 1})
        name = study.names(1)[0]
        one = ["train", "--subject", name, "--epochs", _store(folder, name)]
        all_of_them = ["train_inter", "--held-out", HELD_OUT, "--epochs", folder / "epochs"]
        return {
            "of": asdict(study),
            "one_subject": _stage_figures(folder, one),
            f"subjects_{study.subjects}": _stage_figures(folder, all_of_them),
        }


def gpu_figures(study: Study, scratch: Path | None, epochs: int = 200) -> dict[str, Any]:
    """Seconds and peak memory of the device of a whole run on one subject, in float32 and in bfloat16."""
    with _written(study, scratch) as folder:
        return {
            precision: _run_figures(folder, study, precision, epochs) | {"epochs": epochs}
            for precision in ("float32", "bfloat16")
        }


def _stage_figures(folder: Path, words: list[Any]) -> dict[str, float]:
    stage, *own = words
    say(f"stage {stage}")
    files = ["--features", folder / "features.h5", "--stimuli", folder / "stimuli.csv"]
    rest = ["--seed", 0, "--out", folder / "runs" / stage, "--params-file", folder / "params.yaml"]
    command = [sys.executable, "-m", f"stages.{stage}", *map(str, [*own, *files, *rest])]
    start = time.perf_counter()
    peak = peak_memory(command)
    return {"peak_gib": rounded(peak / 2**30), "seconds": rounded(time.perf_counter() - start)}


def _run_figures(folder: Path, study: Study, precision: str, epochs: int) -> dict[str, float]:
    import torch

    from pipeline_lib.training.run import RunInputs, train_run
    from pipeline_lib.training.settings import load_settings

    say(f"{epochs} epochs in {precision} on the GPU")
    types = {"train.precision": precision, "train.data_dtype": precision}
    _write_params(folder, study, {"loss.balancer": "dla", "train.device": "cuda", **types})
    name = study.names(1)[0]
    stores = {name: _store(folder, name)}
    inputs = RunInputs("intra", name, stores, folder / "features.h5", folder / "stimuli.csv")
    torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    settings = load_settings(folder / "params.yaml")
    say(train_run(inputs, settings, n_epochs=epochs, seed=0, out=folder / "runs" / precision))
    seconds, peak = time.perf_counter() - start, torch.cuda.max_memory_allocated()
    return {"seconds": rounded(seconds), "device_peak_gib": rounded(peak / 2**30)}


@contextmanager
def _written(study: Study, scratch: Path | None) -> Iterator[Path]:
    """A folder with stimulus table, features and the subjects' epochs stores."""
    with scratch_folder(scratch) as folder:
        say(f"writing a recording of {study.images} x {study.n_channels} x {study.n_times} to {folder}")
        train = [f"train/{number:05d}" for number in range(study.images)]
        test = [f"test/{number:05d}" for number in range(TEST_IMAGES)]
        _write_table(folder / "stimuli.csv", train, test)
        _write_features(folder / "features.h5", [*train, *test])
        _write_stores(folder, study, [*train, *test])
        yield folder


def _write_params(folder: Path, study: Study, values: dict[str, Any]) -> None:
    """NeuroAlign's settings, whatever is in params.yaml."""
    own = {
        "subjects": [HELD_OUT, *study.names(study.subjects)],
        "target.view": "raw",
        "train.batch_size": study.batch,
        "train.repeats": "mean",
        "train.patience": None,
        "train.checkpoint_every": None,
        "train.validation.split": "samples",
        "train.validation.size": study.validation,
    }
    params = with_values(read_params(ROOT / "params.yaml"), {**NEUROALIGN, **own, **values}, where="params.yaml")
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def _write_table(path: Path, train: list[str], test: list[str]) -> None:
    rows = [
        (image_id, f"{image_id}.jpg", f"{split} concept {code // 10}", split, code)
        for split, image_ids in (("train", train), ("test", test))
        for code, image_id in enumerate(image_ids, start=1)
    ]
    write_stimulus_table(checked_table(pd.DataFrame(rows, columns=list(COLUMNS)), where="made study"), path)


def _write_features(path: Path, image_ids: list[str]) -> None:
    rng = np.random.default_rng(0)
    with BankWriter(path, image_ids, dtype="float32", attributes={}) as writer:
        for dataset in ("raw/final", "text/final"):
            writer.write(dataset, rng.standard_normal((len(image_ids), FEATURE_DIM), dtype=np.float32))


def _write_stores(folder: Path, study: Study, image_ids: list[str]) -> None:
    """One recording with one trial per image, which the means then are, under all subjects' names."""
    (folder / "epochs").mkdir()
    first, *others = [_store(folder, name) for name in study.names(study.subjects)]
    rng = np.random.default_rng(1)
    count = len(image_ids)
    data = EpochsData(
        epochs=rng.standard_normal((count, study.n_channels, study.n_times), dtype=np.float32),
        image_ids=np.array(image_ids),
        session=np.ones(count, dtype=int),
        test=np.arange(count) >= study.images,
        ch_names=[f"E{number}" for number in range(study.n_channels)],
        sfreq=250.0,
        tmin=0.0,
        subject="made",
        whitening="none",
        provenance={},
    )
    write_store(first, data)
    for path in others:
        os.link(first, path)


def _store(folder: Path, name: str) -> Path:
    return folder / "epochs" / f"{name}.zarr.zip"
