"""One training run from files to a run folder; both training stages call it, on one subject or on all but one."""

from dataclasses import dataclass
from pathlib import Path

import torch

from pipeline_lib.common.device import pick_device, use_threads
from pipeline_lib.common.outputs import written_whole
from pipeline_lib.common.stimulus_table import read_stimulus_table
from pipeline_lib.recordings.store import EpochsStore
from pipeline_lib.training.data import TrainingData, load_training_data, split_validation
from pipeline_lib.training.loop import Fit, Trainer
from pipeline_lib.training.model import AlignmentModel, Shapes
from pipeline_lib.training.run_folder import ModelCard, save_run
from pipeline_lib.training.settings import Settings


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

    Returns
    -------
    str
        One line that says what was written.
    """
    use_threads(settings.train.threads)
    device = pick_device(settings.train.device, key="train.device")
    table = read_stimulus_table(inputs.stimuli)
    data, store = load_training_data(
        list(inputs.stores.values()), inputs.features, table, settings.target, settings.train
    )
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = build_model(data, settings).to(device)
    train, valid = prepared_split(model, data, settings, len(inputs.stores), generator, device)
    label = f"{inputs.protocol} {inputs.subject} seed {seed}"
    fit = Trainer(model, settings, train, valid, n_epochs, generator).fit(label)
    card = _card(inputs, settings, store, model_shapes(data), seed, fit)
    with written_whole(out) as unfinished:
        save_run(unfinished, model, card, settings.as_dict(), fit.history)
    loss = fit.history[fit.best_epoch - 1]["valid/loss"]
    best = f"best epoch {fit.best_epoch}/{n_epochs}, validation loss {loss:.3f}"
    return f"train {label}: {len(train)} samples, {best} -> {out}"


def model_shapes(data: TrainingData) -> Shapes:
    """The sizes that `data` gives a model."""
    text = data.features.text
    return Shapes(*data.brain.shape[1:], data.features.image.shape[1], None if text is None else text.shape[1])


def build_model(data: TrainingData, settings: Settings) -> AlignmentModel:
    """A fresh model of the right sizes, with feature scaling taken from the training images."""
    model = AlignmentModel(settings.encoder, settings.loss, model_shapes(data), settings.target.scale)
    model.image_branch.scaling.fit(data.features.image)
    if model.text_branch is not None:
        model.text_branch.scaling.fit(data.features.text)
    return model


def prepared_split(
    model: AlignmentModel,
    data: TrainingData,
    settings: Settings,
    n_subjects: int,
    generator: torch.Generator,
    device: torch.device,
) -> tuple[TrainingData, TrainingData]:
    """Training and validation samples on the device, through the encoder's parameter-free preparation once."""
    parts = split_validation(data, settings.train.validation, n_subjects=n_subjects, generator=generator)
    on_device = [part.to(device) for part in parts]
    train, valid = (TrainingData(model.encoder.prepare(p.brain), p.item, p.concept, p.features) for p in on_device)
    return train, valid


def _card(inputs: RunInputs, settings: Settings, store: EpochsStore, shapes: Shapes, seed: int, fit: Fit) -> ModelCard:
    return ModelCard(
        protocol=inputs.protocol,
        subject=inputs.subject,
        trained_on=list(inputs.stores),
        seed=seed,
        best_epoch=fit.best_epoch,
        shapes=shapes,
        ch_names=list(store.ch_names),
        sfreq=store.sfreq,
        tmin=store.tmin,
        whitening=store.attrs["whitening"],
        target_view=settings.target.view,
        target_layer=settings.target.layer,
        feature_scale=settings.target.scale,
    )
