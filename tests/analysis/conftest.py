"""A small study in which what was seen shows in known samples of known channels, and models trained on it."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from pipeline_lib.analysis.context import Context
from pipeline_lib.analysis.params import AnalysisParams
from pipeline_lib.common.stimulus_table import read_stimulus_table
from pipeline_lib.features.bank import open_bank
from pipeline_lib.retrieval.opened_runs import Declared, Inputs, OpenedRun, opened_runs
from pipeline_lib.training.run import train_run
from tests.training.conftest import (
    DIM,
    N_TEST,
    N_TRAIN,
    inputs_of,
    make_settings,
    settings,  # noqa: F401
    study,  # noqa: F401
    write_subject,
)

CH_NAMES = ["O1", "Oz", "O2", "PO3", "PO4", "P3", "P4", "T7", "C3", "Fz", "Fp1", "Status"]
INFORMATIVE = 5  # the first channels, all occipital
SFREQ, N_TIMES = 100.0, 50
FIRST, STOP = 20, 30  # informative samples: 0.2 to 0.3 s
PEOPLE = ("sub-01", "sub-02")


@dataclass(frozen=True)
class Analysed:
    """Trained runs of the small study, and what analyses read besides."""

    inputs: Inputs
    params: dict

    def context(self, **changes) -> Context:
        return Context(AnalysisParams.model_validate({**self.params, **changes}), self.inputs)

    def runs(self) -> list[OpenedRun]:
        return list(opened_runs(self.inputs, Declared(list(PEOPLE), list(PEOPLE), ["0"]), "mean"))

    def run(self) -> OpenedRun:
        return self.runs()[0]


def responses_to(features: np.ndarray, *, seed: int) -> np.ndarray:
    """Two responses to each image: noise, and in the informative samples a mixture of its features; float32."""
    mixing = np.random.default_rng(0).normal(size=(DIM, INFORMATIVE, STOP - FIRST))
    common = np.random.default_rng(3).normal(size=(len(CH_NAMES), N_TIMES))
    epochs = common + 0.3 * np.random.default_rng(seed).normal(size=(2 * len(features), len(CH_NAMES), N_TIMES))
    epochs[:, :INFORMATIVE, FIRST:STOP] += np.repeat(np.tensordot(features, mixing, axes=1), 2, axis=0)
    return epochs.astype(np.float32)


@pytest.fixture(scope="session")
def timed_study(study, tmp_path_factory):  # noqa: F811
    """The study of the training tests with responses of 0.5 s, in five steps of 0.1 s."""
    folder = tmp_path_factory.mktemp("timed")
    with open_bank(study.features) as bank:
        features = bank.read("raw/final", [f"image{i}" for i in range(N_TRAIN + N_TEST)])
    for seed, subject in enumerate(PEOPLE):
        epochs = responses_to(features, seed=seed)
        write_subject(folder / f"{subject}.zarr.zip", features, seed=0, epochs=epochs, ch_names=CH_NAMES, sfreq=SFREQ)
    return replace(study, epochs=folder)


@pytest.fixture(scope="session")
def analysed(timed_study, shipped_params, tmp_path_factory):
    """Both people trained on, and each left out; do not change what it holds."""
    params = {name: dict(section) if isinstance(section, dict) else section for name, section in shipped_params.items()}
    params["encoder"] |= {"name": "flat", "dim": 16}
    params["target"] |= {"view": "raw"}
    params["loss"] |= {"objectives": ["brain-image"], "balancer": "static", "norms_every": 0}
    params["train"] |= {"epochs": 20, "inter_epochs": 20, "batch_size": 32, "learning_rate": 0.005, "device": "cpu"}
    params["train"]["validation"] = {**params["train"]["validation"], "size": 10}
    runs = tmp_path_factory.mktemp("runs")
    for person, other in (PEOPLE, PEOPLE[::-1]):
        for protocol, trained_on in (("intra", person), ("inter", other)):
            asked = replace(inputs_of(timed_study, protocol, (trained_on,)), subject=person)
            out = runs / protocol / f"{person}-seed0"
            train_run(asked, make_settings(params), n_epochs=20, seed=0, out=out)
    table = read_stimulus_table(timed_study.stimuli)
    inputs = Inputs(runs, timed_study.epochs, timed_study.features, table)
    return Analysed(inputs, {**shipped_params["analysis"], "categories": None})
