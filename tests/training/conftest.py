"""A made-up study whose responses are a noisy linear image of the features, small enough to fit in a second."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline_lib.common.stimulus_table import checked_table, write_stimulus_table
from pipeline_lib.encoders.params import EncoderParams
from pipeline_lib.features.bank import BankWriter, open_bank
from pipeline_lib.objectives.params import LossParams
from pipeline_lib.recordings.store import EpochsData, write_store
from pipeline_lib.training.bravl_params import BravlParams
from pipeline_lib.training.distributed import Processes
from pipeline_lib.training.loop import Trainer
from pipeline_lib.training.params import TargetParams, TrainParams
from pipeline_lib.training.run import RunInputs, build_model, open_data, prepared_split
from pipeline_lib.training.settings import Settings

N_TRAIN, N_TEST, N_CHANNELS, DIM = 60, 10, 12, 8
VIEWS = ("sharp", "medium", "blurred")  # the clean features, and with some and more noise of their own


@dataclass(frozen=True)
class Study:
    """Paths of the made-up study."""

    stimuli: Path
    features: Path
    epochs: Path

    def store(self, subject: str) -> Path:
        return self.epochs / f"{subject}.zarr.zip"


def write_subject(path: Path, features: np.ndarray, *, seed: int, n_times: int = 1, **changes) -> None:
    """Two repeats of each image: the features through one mixing for all subjects, and noise."""
    mixing = np.random.default_rng(0).normal(size=(DIM, N_CHANNELS))
    rng = np.random.default_rng(seed)
    clean = np.repeat(np.repeat(features @ mixing, 2, axis=0)[:, :, None], n_times, axis=2)
    epochs = (clean + 0.3 * rng.normal(size=clean.shape)).astype(np.float32)
    ids = np.repeat([f"image{i}" for i in range(len(features))], 2)
    values = {
        "epochs": epochs,
        "image_ids": ids,
        "session": np.tile([1, 2], len(features)),
        "test": np.repeat(np.arange(len(features)) >= N_TRAIN, 2),
        "ch_names": [f"E{i}" for i in range(N_CHANNELS)],
        "sfreq": None,
        "tmin": 0.0,
        "subject": path.name.split(".")[0],
        "whitening": "none",
        "provenance": {},
    }
    write_store(path, EpochsData(**{**values, **changes}))


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> Study:
    """Two subjects, responses without a time axis."""
    return made_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="session")
def wide_study(tmp_path_factory) -> Study:
    """Two subjects, responses of 90 samples."""
    return made_study(tmp_path_factory.mktemp("wide"), n_times=90)


def made_study(folder: Path, n_times: int = 1) -> Study:
    """Write all files of a study."""
    n_images = N_TRAIN + N_TEST
    ids = [f"image{i}" for i in range(n_images)]
    features = np.random.default_rng(1).normal(size=(n_images, DIM)).astype(np.float32)
    frame = pd.DataFrame(
        {
            "image_id": ids,
            "file": [f"{name}.jpg" for name in ids],
            "concept": [f"concept{i // 2}" for i in range(n_images)],
            "split": ["train"] * N_TRAIN + ["test"] * N_TEST,
            "event_code": [*range(1, N_TRAIN + 1), *range(1, N_TEST + 1)],
        }
    )
    result = Study(folder / "stimuli.csv", folder / "features.h5", folder / "epochs")
    write_stimulus_table(checked_table(frame, where="test"), result.stimuli)
    with BankWriter(result.features, ids[::-1], dtype="float32", attributes={}) as writer:
        writer.write("raw/final", features[::-1])
        writer.write("text/final", features[::-1] @ np.eye(DIM, 5, dtype=np.float32))
    for seed, subject in enumerate(("sub-01", "sub-02")):
        write_subject(result.store(subject), features, seed=seed, n_times=n_times)
    return result


@pytest.fixture(scope="session")
def views_study(study, tmp_path_factory) -> Study:
    """The study without time axis, with a bank of three views and two layers."""
    path = tmp_path_factory.mktemp("views") / "features.h5"
    write_views(study.features, path)
    return replace(study, features=path)


def write_views(source: Path, path: Path) -> None:
    """Write a bank with a layer ``final`` and a layer ``early`` of each of the views, raw and text as in `source`."""
    rng = np.random.default_rng(2)
    with open_bank(source) as bank:
        ids = bank.image_ids
        features, text = bank.read("raw/final", ids), bank.read("text/final", ids)
    with BankWriter(path, ids, dtype="float32", attributes={}) as writer:
        writer.write("raw/final", features)
        writer.write("text/final", text)
        for noise, view in enumerate(VIEWS):
            blurred = features + 0.3 * noise * rng.normal(size=features.shape)
            writer.write(f"{view}/final", blurred)
            writer.write(f"{view}/early", blurred[:, ::-1] + 1)


@pytest.fixture
def settings(params) -> Settings:
    """The shipped parameters, with a small flat model and a short fit."""
    params["encoder"].update(name="flat", dim=16)
    params["target"].update(view="raw")
    params["train"].update(epochs=30, batch_size=32, learning_rate=0.005, device="cpu")
    params["train"]["validation"].update(size=10)
    return make_settings(params)


def make_settings(params) -> Settings:
    """Typed settings from plain values."""
    return Settings(
        target=TargetParams.model_validate(params["target"]),
        encoder=EncoderParams.model_validate(params["encoder"]),
        loss=LossParams.model_validate(params["loss"]),
        train=TrainParams.model_validate(params["train"]),
        bravl=BravlParams.model_validate(params["bravl"]),
    )


def inputs_of(study: Study, protocol: str = "intra", subjects: tuple[str, ...] = ("sub-01",)) -> RunInputs:
    """What a run on the made-up study reads."""
    stores = {name: study.store(name) for name in subjects}
    return RunInputs(protocol, "sub-01", stores, study.features, study.stimuli)


def trainer_of(
    study: Study,
    settings: Settings,
    seed: int = 0,
    subjects: tuple[str, ...] = ("sub-01",),
    processes: Processes | None = None,
) -> Trainer:
    """A trainer as a run makes it."""
    data = open_data(inputs_of(study, subjects=subjects), settings)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = build_model(data, settings)
    train, valid = prepared_split(model, data, settings, generator, torch.device("cpu"))
    return Trainer(model, settings, train, valid, settings.train.epochs, generator, processes)
