"""What the training benchmarks train: the real trainer and its step, on noise, with our TSConv or the plain one."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.reporting import ROOT
from pipeline_lib.commands.params_edit import with_values
from pipeline_lib.common.params import read_params
from pipeline_lib.encoders.params import EncoderParams
from pipeline_lib.objectives.params import LossParams
from pipeline_lib.training.bravl_params import BravlParams
from pipeline_lib.training.data import DTYPES, TrainingData
from pipeline_lib.training.loop import Trainer
from pipeline_lib.training.model import AlignmentModel, Shapes
from pipeline_lib.training.params import TargetParams, TrainParams
from pipeline_lib.training.settings import Settings
from pipeline_lib.training.targets import FeatureTable
from tests.encoders.plain import PlainTSConv

FEATURE_DIM = 512  # SLIP's, of images and captions
MANY_EPOCHS = 100_000  # so that SPR's noise, which fades until the last, is still there in the steps measured

NEUROALIGN = {
    "target.view": "vse",
    "target.layer": "final",
    "target.scale": "unit",
    "bravl.enabled": False,
    "encoder.name": "tsconv",
    "encoder.dim": 256,
    "encoder.dropout": 0.5,
    **{f"encoder.heads.{modality}": "projection" for modality in ("brain", "image", "text")},
    **{f"encoder.head_dropout.{modality}": 0.2 for modality in ("brain", "image", "text")},
    "loss.objectives": ["brain-image", "image-text", "guidance"],
    "loss.logit_scale": "learned",
    "loss.normalize": "both",
    "loss.positives": "pair",
    "loss.target_grad": True,
    "loss.norms_every": 0,
    "loss.sga.teacher_grad": False,
    "loss.static.weights": [],
    "loss.dla.every": 1,
    "loss.spr.enabled": False,
    "train.optimizer": "adamw",
    "train.precision": "float32",
    "train.data_dtype": "float32",
    "train.compile": False,
}


@dataclass(frozen=True)
class Size:
    """Of a training step.

    Attributes
    ----------
    n_channels, n_times : int
        Of an epoch.
    batch : int
        Epochs in a step.
    threads : int or None
        Of the CPU; None on a GPU.
    """

    n_channels: int
    batch: int
    threads: int | None
    n_times: int = 250


class PlainEncoder(PlainTSConv):
    """The published order of operations in the place of the model's encoder; nothing is prepared for it."""

    def forward(self, prepared: Tensor, subject: Tensor | None = None) -> Tensor:
        """Encode epochs of shape (n_epochs, n_channels, n_times)."""
        return super().forward(prepared)


def made_settings(values: Mapping[str, Any]) -> Settings:
    """NeuroAlign's settings, whatever is in params.yaml, with some values replaced by dotted key."""
    shipped = read_params(ROOT / "params.yaml")
    params = with_values(shipped, {**NEUROALIGN, **values}, where="params.yaml")
    return Settings(
        target=TargetParams.model_validate(params["target"]),
        encoder=EncoderParams.model_validate(params["encoder"]),
        loss=LossParams.model_validate(params["loss"]),
        train=TrainParams.model_validate(params["train"]),
        bravl=BravlParams.model_validate(params["bravl"]),
    )


def made_epochs(size: Size, device: torch.device) -> Tensor:
    """Noise of shape (batch, n_channels, n_times)."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(size.batch, size.n_channels, size.n_times, generator=generator).to(device)


def made_trainer(epochs: Tensor, values: Mapping[str, Any], *, plain: bool = False, captions: bool = False) -> Trainer:
    """A trainer of a fresh model, the same weights each time, on one batch.

    Parameters
    ----------
    epochs : Tensor of float32, shape (batch, n_channels, n_times)
    values : mapping of str to any
        For :func:`made_settings`.
    plain : bool
        Whether the encoder is the plain one, else ours, and `epochs` are prepared for it, as a run does once.
    captions : bool
        Whether there are text features.
    """
    settings = made_settings({"train.batch_size": len(epochs), **values})
    torch.manual_seed(0)
    shapes = Shapes(*epochs.shape[1:], FEATURE_DIM, FEATURE_DIM if captions else None)
    model = AlignmentModel(settings.encoder, settings.loss, shapes, settings.target.scale)
    prepared = epochs if plain else model.encoder.prepare(epochs)
    if plain:
        encoder = PlainEncoder(shapes.n_channels, settings.encoder.dropout)
        encoder.load_state_dict(model.encoder.state_dict())
        model.encoder = encoder
    data = _made_data(prepared, DTYPES[settings.train.data_dtype], captions=captions)
    generator = torch.Generator().manual_seed(0)
    return Trainer(model.to(epochs.device).train(), settings, data, data, MANY_EPOCHS, generator)


def step_of(trainer: Trainer) -> partial:
    """One training step on all that there is; on a GPU, until it is done."""
    rows = torch.arange(len(trainer.train), device=trainer.train.brain.device)
    return partial(_finished_step, trainer, rows)


def _finished_step(trainer: Trainer, rows: Tensor) -> None:
    trainer.step(rows)
    if rows.is_cuda:
        torch.cuda.synchronize()


def _made_data(prepared: Tensor, dtype: torch.dtype, *, captions: bool) -> TrainingData:
    device, count = prepared.device, len(prepared)
    generator = torch.Generator().manual_seed(1)
    image, text = (torch.randn(count, FEATURE_DIM, generator=generator) for _ in range(2))
    item = torch.arange(count, device=device)
    features = FeatureTable(image, text if captions else None).to(device, dtype)
    return TrainingData(prepared.to(dtype), item, item, features, torch.zeros_like(item))
