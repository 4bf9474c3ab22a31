"""One training run from files to a run folder; both training stages call it, on one subject or on all but one."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from pipeline_lib.common.device import pick_device, use_threads
from pipeline_lib.common.outputs import written_whole
from pipeline_lib.common.stimulus_table import read_stimulus_table
from pipeline_lib.objectives.terms import check_adapter, check_text
from pipeline_lib.training.base import Model, Shapes
from pipeline_lib.training.checkpoints import Checkpoints
from pipeline_lib.training.compiling import compile_parts
from pipeline_lib.training.data import DTYPES, Digest, TrainingData, TrainingSet, open_training_set, settings_of
from pipeline_lib.training.distributed import join_processes
from pipeline_lib.training.fingerprint import fingerprint
from pipeline_lib.training.loop import Fit, Trainer
from pipeline_lib.training.models import build_model_of
from pipeline_lib.training.precision import check_precision
from pipeline_lib.training.run_folder import ModelCard, save_run
from pipeline_lib.training.settings import Settings
from pipeline_lib.training.shuffled_pairs import shuffled_pairs
from pipeline_lib.training.validation import split_validation
from pipeline_lib.training.validation_metrics import validation_metrics
from pipeline_lib.training.versions import versions


@dataclass(frozen=True)
class RunInputs:
    """What a run reads.

    Attributes
    ----------
    protocol : {"intra", "inter"}
    subject : str
        Who is trained on (intra) or left out (inter); names the run.
    stores : dict of str to Path
        The epochs store of each training subject.
    features, stimuli : Path
        Feature bank and stimulus table.
    """

    protocol: str
    subject: str
    stores: dict[str, Path]
    features: Path
    stimuli: Path


def train_run(inputs: RunInputs, settings: Settings, *, n_epochs: int, seed: int, out: Path) -> str:
    """Train, select the epoch of lowest validation loss, and write the run folder `out`, whole or not at all.

    A run that was killed goes on from its last checkpoint, to the result it would have had,
    :mod:`pipeline_lib.training.checkpoints`.

    Returns
    -------
    str
        One line that says what was written; empty in all processes but the first.
    """
    use_threads(settings.train.threads)
    device = pick_device(settings.train.device, key="train.device")
    check_precision(settings.train.precision, device)
    processes = join_processes(device)
    data = open_data(inputs, settings)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = build_model(data, settings).to(processes.device)
    processes.seed(seed)
    digest = hashlib.sha256()
    train, valid = prepared_split(model, data, settings, generator, processes.device, digest)
    if settings.train.compile:
        compile_parts(model.parts(), processes.device)
    trainer = Trainer(model, settings, train, valid, n_epochs, generator, processes)
    depends_on = fingerprint(settings, n_epochs, seed, list(inputs.stores), digest.hexdigest(), processes)
    checkpoints = Checkpoints(out, depends_on)
    label = f"{inputs.protocol} {inputs.subject} seed {seed}"
    fit = trainer.fit(label, checkpoints)
    if not processes.first:
        return ""
    with written_whole(out) as unfinished:
        people = dict(zip(inputs.stores, data.fitted, strict=True))
        card = _card(inputs, settings, data, seed, fit, validation_metrics(model, valid, fit))
        save_run(unfinished, model, card, settings.as_dict(), fit.history, people)
    checkpoints.discard()
    return f"train {label}: {len(train)} samples, {_outcome(fit, n_epochs)} -> {out}"


def open_data(inputs: RunInputs, settings: Settings) -> TrainingSet:
    """The training partition of the run's subjects; their responses are not read yet."""
    table = read_stimulus_table(inputs.stimuli)
    stores = list(inputs.stores.values())
    return open_training_set(stores, inputs.features, table, settings.target, settings.train.repeats)


def model_shapes(data: TrainingSet) -> Shapes:
    """The sizes that `data` gives a model."""
    text = data.features.text
    return Shapes(
        n_channels=data.first.n_channels,
        n_times=data.first.n_times,
        image_dim=data.features.image_dim,
        text_dim=None if text is None else text.shape[1],
        n_subjects=data.n_subjects,
        n_layers=data.features.n_layers,
    )


def build_model(data: TrainingSet, settings: Settings) -> Model:
    """A fresh model of the right sizes, with feature scaling taken from the training images.

    Raises
    ------
    InputError
        If an objective needs captions or an adapter, and there is none; or as the model says.
    """
    objectives = settings.loss.objectives
    check_text(objectives, available=data.features.text is not None)
    check_adapter(objectives, available=settings.encoder.heads.text == "adapter")
    model = build_model_of(settings.kind, settings.as_dict(), model_shapes(data), settings.target.scale)
    model.scale_features(data.features)
    return model


def prepared_split(
    model: Model,
    data: TrainingSet,
    settings: Settings,
    generator: torch.Generator,
    device: torch.device,
    digest: Digest | None = None,
) -> tuple[TrainingData, TrainingData]:
    """Training and validation samples on the device, through the encoder's parameter-free preparation once.

    Images are dealt anew to the responses before, where ``train.pairs`` says so.

    Parameters
    ----------
    model : Model
        Takes from the training samples what it needs.
    data : TrainingSet
    settings : Settings
    generator : torch.Generator
        Draws the validation part, and before it the shuffled pairs; for pairs as shown it draws nothing more.
    device : torch.device
    digest : Digest, optional
        Is fed what was read.
    """
    if settings.train.pairs == "shuffled":
        data = replace(data, samples=shuffled_pairs(data.samples, generator))
    parts = split_validation(data.samples, settings.train.validation, n_subjects=data.n_subjects, generator=generator)
    dtype = DTYPES[settings.train.data_dtype]
    train, valid = data.read(parts, prepare=model.encoder.prepare, device=device, dtype=dtype, digest=digest)
    model.fit(train)
    return train, valid


def _outcome(fit: Fit, n_epochs: int) -> str:
    n_run = len(fit.history)
    early = "" if n_run == n_epochs else f", stopped after {n_run} for want of a lower one"
    loss = fit.history[fit.best_epoch - 1]["valid/loss"]
    return f"best epoch {fit.best_epoch}/{n_epochs}, validation loss {loss:.3f}{early}"


def _card(
    inputs: RunInputs, settings: Settings, data: TrainingSet, seed: int, fit: Fit, metrics: dict[str, float]
) -> ModelCard:
    store = data.first
    files = {
        name: {str(number): files for number, files in fitted.sessions.items()}
        for name, fitted in zip(inputs.stores, data.fitted, strict=True)
    }
    return ModelCard(
        protocol=inputs.protocol,
        subject=inputs.subject,
        trained_on=list(inputs.stores),
        seed=seed,
        best_epoch=fit.best_epoch,
        shapes=model_shapes(data),
        ch_names=store.ch_names,
        ch_types=store.ch_types,
        sfreq=store.sfreq,
        tmin=store.tmin,
        whitening=store.attrs["whitening"],
        preprocessing={**settings_of(store), "sessions": files},
        features=data.bank,
        target_view=settings.target.view,
        target_views=settings.target.views,
        target_layer=settings.target.layer,
        gallery_view=settings.target.searched_view,
        feature_scale=settings.target.scale,
        versions=versions(),
        metrics=metrics,
        kind=settings.kind,
    )
