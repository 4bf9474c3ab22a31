"""A study of a few seconds of EEG in the files of THINGS-EEG2, its models, and requests to decode it.

Responses are a noisy linear image of the pictures' features, so that a flat encoder learns them in a second.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from PIL import Image

import stages.features
import stages.preprocess
import stages.train
import stages.vse
from pipeline_lib.captioning.table import caption_table, write_captions
from pipeline_lib.common.stimulus_table import COLUMNS, read_stimulus_table
from pipeline_lib.decoding.request import Request
from pipeline_lib.features.bank import open_bank
from pipeline_lib.retrieval.opened_runs import Declared, Inputs, OpenedRun, opened_runs
from tests.features.tiny_models import slip_state, write_slip

_NAMES = "Fp1 Fp2 F3 Fz F4 C3 Cz C4 CP1 CP2 P7 P3 Pz P4 P8 PO7 PO8 O1 Oz O2"
CHANNELS = _NAMES.split(" ")
N_TRAIN, N_TEST, SFREQ, SPACING = 40, 10, 200.0, 120  # samples from onset to onset
SUBJECT = "sub-01"
TARGET = 99999


@dataclass(frozen=True)
class Study:
    """Where everything lies."""

    folder: Path

    @property
    def images(self) -> Path:
        return self.folder / "images"

    @property
    def gallery(self) -> Path:
        return self.images / "test"

    @property
    def stimuli(self) -> Path:
        return self.folder / "stimuli.csv"

    @property
    def bank(self) -> Path:
        return self.folder / "slip.h5"

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def model(self) -> Path:
        return self.runs / "intra" / f"{SUBJECT}-seed0"

    @property
    def store(self) -> Path:
        return self.folder / "epochs" / f"{SUBJECT}.zarr.zip"

    def recording(self, session: int, partition: str = "test") -> Path:
        return self.folder / "raw" / SUBJECT / f"ses-{session:02d}" / f"raw_eeg_{partition}.npy"

    @property
    def recordings(self) -> list[Path]:
        return [self.recording(session) for session in (1, 2)]

    def content(self, session: int, partition: str = "test") -> dict[str, Any]:
        """What a raw file holds."""
        return np.load(self.recording(session, partition), allow_pickle=True).item()

    def request(self, **changes: Any) -> Request:
        """Decode both test recordings, the mean of each image's trials."""
        values = {
            "model": self.model,
            "recordings": self.recordings,
            "gallery": self.gallery,
            "events": [],
            "stimuli": self.stimuli,
            "images": None,
            "split": "test",
            "features_model": None,
            "subject": None,
            "sessions": [],
            "whitening": "model",
            "average": "image",
            "top": 5,
            "interpolate": False,
            "montage": "standard_1005",
            "stim_channel": None,
            "image_column": None,
            "device": "cpu",
            "threads": 1,
        }
        return Request(**values | changes)

    def evaluated(self, repeats: str = "mean") -> tuple[OpenedRun, np.ndarray, np.ndarray]:
        """The run as `evaluate` opens it, and what it finds in gallery image: similarity and relevance."""
        inputs = Inputs(self.runs, self.folder / "epochs", self.bank, read_stimulus_table(self.stimuli))
        (run,) = opened_runs(inputs, Declared([SUBJECT], [], ["0"]), repeats)
        return run, *run.match(run.embed(run.responses), "image")


def written_study(folder: Path, params: dict[str, Any]) -> Study:
    """Draw pictures, encode them, record brains, preprocess and train, by the stages themselves."""
    study = Study(folder)
    _write_pictures(study)
    write_slip(folder / "models" / "slip", slip_state())
    write_captions(caption_table([], [], source="none"), folder / "none.csv")
    params_file = _write_params(study, params)
    where = {"stimuli": study.stimuli, "params_file": params_file}
    views = folder / "vse.zarr.zip"
    stages.vse.main(images=study.images, out=views, **where)
    captions = folder / "none.csv"
    stages.features.main(images=study.images, views=views, captions=captions, out=study.bank, **where)
    _record(study)
    quality = folder / "epochs" / "quality.json"
    stages.preprocess.main(subject=SUBJECT, out=study.store, quality=quality, **where)
    stages.train.main(subject=SUBJECT, seed=0, epochs=study.store, features=study.bank, out=study.model, **where)
    return study


def _write_pictures(study: Study) -> None:
    rng, rows = np.random.default_rng(0), []
    for split, count in (("train", N_TRAIN), ("test", N_TEST)):
        for code in range(1, count + 1):
            name = f"{split}/{code:02d}_thing/{split}{code:02d}"
            path = study.images / f"{name}.png"
            path.parent.mkdir(parents=True)
            blocks = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            Image.fromarray(np.kron(blocks, np.ones((10, 10, 1), dtype=np.uint8))).save(path)
            rows.append((name, f"{name}.png", f"{split} thing {code}", split, code))
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(study.stimuli, index=False)


def _write_params(study: Study, params: dict[str, Any]) -> Path:
    params["study"].update(root=str(study.folder / "raw"), images=str(study.images), stimuli=str(study.images))
    params["preprocess"].update(tmin=-0.1, tmax=0.4, sfreq=100.0, crop={"start": 0.0, "stop": 0.4})
    params["vse"].update(size=32)
    params["features"].update(models=str(study.folder / "models"), model="slip", device="cpu")
    params["encoder"].update(name="flat", dim=16)
    params["encoder"]["heads"].update(brain="linear", image="linear")
    params["loss"].update(objectives=["brain-image"], balancer="static", norms_every=0)
    params["train"].update(epochs=40, batch_size=20, learning_rate=0.01, device="cpu")
    params["train"]["validation"].update(size=8)
    path = study.folder / "params.yaml"
    path.write_text(yaml.safe_dump(params))
    return path


def _record(study: Study) -> None:
    table = read_stimulus_table(study.stimuli)
    with open_bank(study.bank) as bank:
        features = {split: bank.read("vse/final", table.ids(split)) for split in ("train", "test")}
    mean, deviation = features["train"].mean(0), features["train"].std(0)
    mixing = np.random.default_rng(1).normal(size=(features["train"].shape[1], len(CHANNELS))) * 1e-6
    for session in (1, 2):
        for partition, split in (("training", "train"), ("test", "test")):
            rng = np.random.default_rng([session, split == "test"])
            drive = (features[split] - mean) / deviation @ mixing
            codes = np.tile(np.arange(1, len(drive) + 1), 3 if split == "test" else 2)
            codes = np.append(rng.permutation(codes), TARGET)
            path = study.recording(session, partition)
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, _raw(codes, drive, rng))


def _raw(codes: np.ndarray, drive: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """Smooth responses on noise that neighbouring channels share."""
    onsets = 100 + SPACING * np.arange(len(codes))
    noise = rng.normal(size=(len(CHANNELS), onsets[-1] + 200))
    data = 2e-6 * (noise + 0.5 * np.roll(noise, 1, axis=0))
    course = np.sin(np.pi * np.arange(60) / 60)
    for onset, code in zip(onsets, codes, strict=True):
        if code != TARGET:
            data[:, onset : onset + 60] += 3 * drive[code - 1][:, None] * course
    stim = np.zeros(data.shape[1])
    stim[onsets] = codes
    types = ["eeg"] * len(CHANNELS) + ["stim"]
    content = {"raw_eeg_data": np.vstack([data, stim]), "ch_names": [*CHANNELS, "stim"], "ch_types": types}
    return content | {"sfreq": SFREQ}
