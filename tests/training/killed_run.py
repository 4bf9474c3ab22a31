"""Run by test_checkpoints: trains in child processes that are killed at random moments, the last one excepted.

python -m tests.training.killed_run STIMULI FEATURES EPOCHS PARAMS OUT KILLS SEED
"""

import sys
from functools import partial
from pathlib import Path

import yaml

from pipeline_lib.training.run import RunInputs, train_run
from tests.killing import killed_again_and_again
from tests.training.conftest import make_settings


def main(stimuli: Path, features: Path, epochs: Path, params: Path, out: Path, kills: int, seed: int) -> None:
    """Train, each child until some moment after it has left a checkpoint of its own."""
    settings = make_settings(yaml.safe_load(params.read_text()))
    inputs = RunInputs("intra", "sub-01", {"sub-01": epochs}, features, stimuli)
    work = partial(train_run, inputs, settings, n_epochs=settings.train.epochs, seed=0, out=out)
    killed_again_and_again(work, lambda: checkpoint_of(out), kills=kills, seed=seed, within=0.1)


def checkpoint_of(out: Path) -> list[int]:
    """Which checkpoint lies there: replacing one gives another number."""
    return [path.stat().st_ino for path in out.with_name(f".{out.name}.unfinished.training").glob("*.pt")]


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:6]), *map(int, sys.argv[6:]))
