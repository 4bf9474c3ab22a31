"""A model like that of a run, trained on a window of the responses: same parameters, same seed, same people.

Samples outside the window are zeros in training and in the test. Nothing is left in the folder of the runs.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from pipeline_lib.analysis.context import Context
from pipeline_lib.common.stimulus_table import write_stimulus_table
from pipeline_lib.features.bank import open_bank
from pipeline_lib.retrieval.matchers import matcher_of
from pipeline_lib.retrieval.opened_runs import OpenedRun, embed_targets
from pipeline_lib.training.run import RunInputs, train_run
from pipeline_lib.training.run_folder import PARAMS, load_run
from pipeline_lib.training.settings import load_settings


def silenced(epochs: Tensor, first: int, stop: int) -> Tensor:
    """A copy of epochs, shape (..., n_times), with zeros in all samples but `first` to `stop` (excluded)."""
    window = torch.zeros_like(epochs)
    window[..., first:stop] = epochs[..., first:stop]
    return window


def retrained(run: OpenedRun, context: Context, first: int, stop: int) -> OpenedRun:
    """The run with a model that was trained on the samples `first` to `stop` (excluded); its responses are as before.

    Parameters
    ----------
    run : OpenedRun
    context : Context
    first, stop : int

    Raises
    ------
    InputError
        If what the run was trained on is not there any more.
    """
    inputs = context.inputs
    with TemporaryDirectory(prefix="trialign-window-") as scratch:
        folder = Path(scratch) / "run"
        _train(run, context, folder, first, stop)
        model, card, trained_with = load_run(folder)
    with open_bank(inputs.features) as bank:
        targets = embed_targets(model, card, bank, inputs.table, run.image_ids, card.training_row(run.subject))
    return replace(run, model=model, card=card, targets=targets, matcher=matcher_of(card, trained_with))


def _train(run: OpenedRun, context: Context, out: Path, first: int, stop: int) -> None:
    settings = load_settings(run.folder / PARAMS)
    train = settings.train.model_copy(update={"checkpoint_every": None})
    stimuli = out.with_name("stimuli.csv")
    write_stimulus_table(context.stimuli, stimuli)
    asked = RunInputs(
        protocol=run.protocol,
        subject=run.card.subject,
        stores={name: context.inputs.epochs / f"{name}.zarr.zip" for name in run.card.trained_on},
        features=context.inputs.features,
        stimuli=stimuli,
        look=lambda epochs: silenced(epochs, first, stop),
    )
    n_epochs = train.inter_epochs if run.protocol == "inter" else train.epochs
    train_run(asked, replace(settings, train=train), n_epochs=n_epochs, seed=run.seed, out=out)
