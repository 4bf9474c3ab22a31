"""A training step with TSConv's published order of operations against ours, and whether both compute the same."""

from math import inf
from typing import Any

import torch
from torch import Tensor

from benchmarks.interleaved import Times, interleaved
from benchmarks.made_training import Size, made_epochs, made_trainer, step_of
from benchmarks.reporting import rounded
from pipeline_lib.training.loop import Trainer
from tests.encoders.plain import UNTRAINED

CONTRASTIVE = {"loss.objectives": ["brain-image"], "loss.balancer": "static"}
BFLOAT16 = {"train.precision": "bfloat16", "train.data_dtype": "bfloat16"}
NO_DROPOUT = {"encoder.dropout": 0.0, **{f"encoder.head_dropout.{name}": 0.0 for name in ("brain", "image", "text")}}


def step_figures(size: Size, rounds: int, device: torch.device, seconds: float = inf) -> dict[str, Any]:
    """Steps of one contrastive loss: plain, ours, and ours in bfloat16, in turns, and what is prepared once per run.

    A step is the trainer's: rows picked, forward through encoder and heads, InfoNCE, backward, AdamW. Ours starts from
    prepared epochs, as in training; the plain order starts from the epochs. No round begins after `seconds`.
    """
    epochs = made_epochs(size, device)
    trainers = {
        "plain_float32": made_trainer(epochs, CONTRASTIVE, plain=True),
        "ours_float32": made_trainer(epochs, CONTRASTIVE),
        "ours_bfloat16": made_trainer(epochs, CONTRASTIVE | BFLOAT16),
    }
    times = interleaved({name: step_of(trainer) for name, trainer in trainers.items()}, rounds, seconds=seconds)
    plain = times["plain_float32"]
    return {
        **{name: found.figures() for name, found in times.items()},
        "speedup": {name: plain.over(times[f"ours_{name}"]) for name in ("float32", "bfloat16")},
        "prepare_once": _preparation(trainers["ours_float32"], epochs, rounds).figures(),
    }


def differences(size: Size, device: torch.device) -> dict[str, Any]:
    """Outputs of both encoders in training mode and the loss's gradients, both float32, without dropout.

    Returns
    -------
    dict
        ``max_output_difference``, the largest absolute one; ``output_deviation``, of the plain outputs, for comparison;
        ``gradient_difference`` by parameter, the length of the difference over that of the plain gradient. Biases in
        front of a BatchNorm have no gradient but rounding errors and are left out.
    """
    epochs = made_epochs(size, device)
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):  # float32 would not be meant, on a GPU
        plain = _outputs_and_gradients(made_trainer(epochs, CONTRASTIVE | NO_DROPOUT, plain=True))
        ours = _outputs_and_gradients(made_trainer(epochs, CONTRASTIVE | NO_DROPOUT))
    gradients = {name: _relative(ours[1][name], expected) for name, expected in plain[1].items()}
    return {
        "max_output_difference": rounded(float((ours[0] - plain[0]).abs().max())),
        "output_deviation": rounded(float(plain[0].std())),
        "max_gradient_difference": max(gradients.values()),
        "gradient_difference": gradients,
    }


def _outputs_and_gradients(trainer: Trainer) -> tuple[Tensor, dict[str, Tensor]]:
    """The encoder's outputs, and the gradients of a step that is not taken."""
    kept: list[Tensor] = []
    trainer.model.encoder.register_forward_hook(lambda module, inputs, output: kept.append(output.detach()))
    trainer.gradients(torch.arange(len(trainer.train), device=trainer.train.brain.device))
    parameters = trainer.model.named_parameters()
    return kept[0], {name: p.grad for name, p in parameters if p.grad is not None and not name.endswith(UNTRAINED)}


def _relative(actual: Tensor, expected: Tensor) -> float:
    return rounded(float((actual - expected).norm() / expected.norm()))


def _preparation(trainer: Trainer, epochs: Tensor, rounds: int) -> Times:
    """Of as many epochs as there are in a step."""

    def prepare() -> None:
        trainer.model.encoder.prepare(epochs)
        if epochs.is_cuda:
            torch.cuda.synchronize()

    return interleaved({"prepare": prepare}, rounds)["prepare"]
