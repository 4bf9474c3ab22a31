"""Run by test_checkpoints: trains in child processes that are killed at random moments, the last one excepted.

python -m tests.training.killed_run STIMULI FEATURES EPOCHS PARAMS OUT KILLS SEED
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import yaml

from pipeline_lib.training.run import RunInputs, train_run
from tests.training.conftest import make_settings


def main(stimuli: Path, features: Path, epochs: Path, params: Path, out: Path, kills: int, seed: int) -> None:
    """Fork and kill, each child at some moment after it has left a checkpoint of its own."""
    settings = make_settings(yaml.safe_load(params.read_text()))
    inputs = RunInputs("intra", "sub-01", {"sub-01": epochs}, features, stimuli)
    moments = random.Random(seed)
    for attempt in range(kills + 1):
        before = checkpoint_of(out)
        child = os.fork()
        if not child:
            train_run(inputs, settings, n_epochs=settings.train.epochs, seed=0, out=out)
            os._exit(0)
        if attempt < kills:
            while checkpoint_of(out) == before:
                time.sleep(0.002)
            time.sleep(moments.uniform(0, 0.1))
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def checkpoint_of(out: Path) -> list[int]:
    """Which checkpoint lies there: replacing one gives another number."""
    return [path.stat().st_ino for path in out.with_name(f".{out.name}.unfinished.training").glob("*.pt")]


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:6]), *map(int, sys.argv[6:]))
