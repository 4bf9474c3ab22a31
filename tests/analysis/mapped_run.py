"""A trained run with electrodes of known places and a time axis, and what the analyses of it are given."""

import pandas as pd

from pipeline_lib.analysis.context import Context
from pipeline_lib.analysis.params import AnalysisParams
from pipeline_lib.common.stimulus_table import read_stimulus_table
from pipeline_lib.features.bank import open_bank
from pipeline_lib.retrieval.opened_runs import Declared, Inputs, opened_runs
from pipeline_lib.training.run import train_run
from tests.training.conftest import N_TEST, N_TRAIN, inputs_of, made_study, make_settings, write_subject

CHANNELS = ["Oz", "O1", "O2", "Pz", "Cz", "C3", "C4", "Fz", "T7", "T8", "Fpz", "X99"]  # the last is nowhere
N_TIMES, SFREQ = 90, 100.0
LABELS = ["round", "round", "round", "square", "square"]  # of the five test concepts, two images each


def trained_run(folder, params, *, epochs=2, encoder="flat", **changes):
    """Train sub-01 of the made-up study and open the run; `changes` are those of the epochs store."""
    study = made_study(folder, n_times=N_TIMES)
    with open_bank(study.features) as bank:
        features = bank.read("raw/final", [f"image{i}" for i in range(N_TRAIN + N_TEST)])
    store = {"ch_names": CHANNELS, "sfreq": SFREQ, "n_times": N_TIMES} | changes
    write_subject(study.store("sub-01"), features, seed=0, **store)
    params["encoder"].update(name=encoder, dim=16)
    params["target"].update(view="raw")
    params["train"].update(batch_size=32, learning_rate=0.005, device="cpu")
    params["train"]["validation"].update(size=10)
    out = folder / "runs" / "intra" / "sub-01-seed0"
    train_run(inputs_of(study), make_settings(params), n_epochs=epochs, seed=0, out=out)
    inputs = Inputs(folder / "runs", study.epochs, study.features, read_stimulus_table(study.stimuli))
    (run,) = opened_runs(inputs, Declared(["sub-01"], [], ["0"]), "mean")
    return run, inputs


def context_of(inputs, params, **changes):
    """The context of an analysis; `changes` are made in section analysis."""
    section = {**params["analysis"], "categories": None}
    for name, value in changes.items():
        section[name] = {**section[name], **value} if isinstance(value, dict) else value
    return Context(AnalysisParams.model_validate(section), inputs)


def write_categories(path, run, **systems):
    """A table of categories of the run's test concepts."""
    concepts = list(dict.fromkeys(run.targets.concepts))
    columns = {name: labels[: len(concepts)] for name, labels in systems.items()}
    pd.DataFrame({"concept": concepts} | columns).to_csv(path, index=False)
    return path
