"""How much longer a training step takes with each balancer than with static weights, encoder and losses the same."""

from collections.abc import Iterable
from math import inf
from typing import Any

import torch

from benchmarks.interleaved import interleaved
from benchmarks.made_training import Size, made_epochs, made_trainer, step_of
from pipeline_lib.balancing.build import BALANCERS
from pipeline_lib.common.errors import InputError
from pipeline_lib.training.loop import Trainer

STATIC = "static"
VARIANTS: dict[str, dict[str, Any]] = {
    **{name: {"loss.balancer": name} for name in BALANCERS},
    "dla": {"loss.balancer": "dla", "loss.dla.scope": "all"},
    "dla-heads": {"loss.balancer": "dla", "loss.dla.scope": "heads"},
    "mcdb+spr": {"loss.balancer": "mcdb", "loss.spr.enabled": True},
}
TURNS = {STATIC: 3, "dla": 2, "dla-heads": 2, "mcdb+spr": 2}
"""In each round: what all are compared with, and those that have a bound to keep, are measured more often."""


def overhead_figures(
    size: Size, names: Iterable[str], rounds: int, device: torch.device, seconds: float = inf
) -> dict[str, Any]:
    """Steps of NeuroAlign's three objectives, each with every balancer named, in turns.

    Parameters
    ----------
    size : Size
    names : iterable of str
        Of :data:`VARIANTS`; static is measured in any case.
    rounds : int
    device : torch.device
    seconds : float
        After which no further round begins.

    Returns
    -------
    dict
        Seconds of a step with static weights, how many times as long it takes with each balancer, and why the others
        were left out.
    """
    trainers, skipped = _trainers(size, names, device)
    steps = {name: step_of(trainer) for name, trainer in trainers.items()}
    times = interleaved(steps, rounds, turns=TURNS, seconds=seconds)
    return {
        STATIC: times[STATIC].figures(),
        "overhead": {name: found.over(times[STATIC]) for name, found in times.items() if name != STATIC},
        "skipped": skipped,
    }


def _trainers(size: Size, names: Iterable[str], device: torch.device) -> tuple[dict[str, Trainer], dict[str, str]]:
    """One trainer per balancer, all of the same weights, and the reasons why some cannot be."""
    epochs = made_epochs(size, device)
    trainers: dict[str, Trainer] = {}
    skipped: dict[str, str] = {}
    for name in dict.fromkeys([STATIC, *names]):
        try:
            trainers[name] = made_trainer(epochs, VARIANTS[name], captions=True)
        except InputError as error:
            skipped[name] = str(error)
    return trainers, skipped
