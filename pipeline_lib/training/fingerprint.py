"""What a training run depends on, in a few letters: a checkpoint is good for exactly the run it was made in."""

import hashlib
import json
from pathlib import Path

import torch

from pipeline_lib.training.distributed import Processes
from pipeline_lib.training.settings import Settings

ROOMS = ("encoders", "objectives", "balancing", "training")
LENGTH = 16

Fingerprint = dict[str, str]


def fingerprint(
    settings: Settings, n_epochs: int, seed: int, trained_on: list[str], data: str, processes: Processes
) -> Fingerprint:
    """What the course of a run depends on, part by part: ``parameters``, ``data``, ``code`` and ``machine``.

    Parameters
    ----------
    settings : Settings
        All of them count but ``train.checkpoint_every``, which changes nothing.
    n_epochs, seed : int
    trained_on : list of str
        The training subjects.
    data : str
        Digest of responses, features and what belongs to what.
    processes : Processes
    """
    described = settings.as_dict()
    del described["train"]["checkpoint_every"]
    parameters = [described, n_epochs, seed, trained_on]
    machine = [torch.__version__, processes.device.type, processes.size]
    return {
        "parameters": _digest(json.dumps(parameters, sort_keys=True).encode()),
        "data": data[:LENGTH],
        "code": code_digest(),
        "machine": _digest(json.dumps(machine).encode()),
    }


def key_of(parts: Fingerprint) -> str:
    """All parts in one."""
    return _digest(json.dumps(parts, sort_keys=True).encode())


def code_digest(library: Path = Path(__file__).parent.parent) -> str:
    """Digest of the source of the rooms that compute: encoders, objectives, balancers and training."""
    total = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (library / room).rglob("*.py")):
        total.update(f"{path.relative_to(library).as_posix()}\n".encode())
        total.update(path.read_bytes())
    return total.hexdigest()[:LENGTH]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:LENGTH]
