"""The state of an unfinished training, kept beside the run folder until that is written.

DVC deletes a stage's outs before the stage runs, so nothing to resume from can lie in them. It lies beside: run
``data/runs/intra/sub-01-seed0`` has ``data/runs/intra/.sub-01-seed0.unfinished.training/<fingerprint>.pt``. Git and DVC
ignore the name, it is on the same disk as the run, and is found by it whatever the working folder. The fingerprint
names parameters, data, code and machine: a run takes up its own state alone, and of others says that they are there.
"""

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from pipeline_lib.common.notices import notice
from pipeline_lib.common.outputs import written_whole
from pipeline_lib.training.fingerprint import Fingerprint, key_of

State = dict[str, Any]


class Checkpoints:
    """Keeps the state of one training run.

    Parameters
    ----------
    out : Path
        The run folder that is to be written.
    parts : Fingerprint
        What the run depends on.

    Attributes
    ----------
    path : Path
        The checkpoint.
    """

    def __init__(self, out: Path, parts: Fingerprint) -> None:
        self.parts = parts
        self.folder = out.with_name(f".{out.name}.unfinished.training")
        self.path = self.folder / f"{key_of(parts)}.pt"

    def load(self) -> State | None:
        """The state this run was in when it broke off, on the CPU; None where it did not, or it cannot be read."""
        for other in sorted(self.folder.glob("*.pt")):
            if other != self.path:
                notice(self._about(other))
        if not self.path.exists():
            return None
        found = _read(self.path)
        if found is None:
            notice(f"{self.path}: not a whole checkpoint; ignored, training starts from the beginning")
            return None
        notice(f"{self.path}: training goes on after epoch {found['epoch']}")
        return found["state"]

    def save(self, epoch: int, state: State) -> None:
        """Replace the checkpoint, whole or not at all."""
        with written_whole(self.path) as unfinished:
            torch.save({"epoch": epoch, "fingerprint": self.parts, "state": state}, unfinished)

    def discard(self) -> None:
        """Remove the checkpoint and what a killed process left of one, and the folder where nothing else is in it."""
        for path in (self.path, *self.folder.glob(f".*.unfinished.{self.path.name}")):
            path.unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _about(self, other: Path) -> str:
        found = _read(other, mmap=True)
        if found is None:
            return f"{other}: not a whole checkpoint; ignored, delete it"
        differing = " and ".join(name for name, value in self.parts.items() if found["fingerprint"].get(name) != value)
        what = f"an unfinished training of other {differing}, at epoch {found['epoch']}"
        return f"{other}: {what}; ignored, delete it if it is not wanted"


def _read(path: Path, *, mmap: bool = False) -> State | None:
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except (OSError, RuntimeError, UnpicklingError, EOFError, ValueError):
        return None
