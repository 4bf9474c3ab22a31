"""Run by test_resume: stage `features` in child processes that are killed at random moments, the last one excepted.

python -m tests.features.killed_run FOLDER OUT KILLS SEED
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import timm

from pipeline_lib.features import extract
from pipeline_lib.features.models import ImageTextModel
from stages.features import main as stage

PACE = 0.05  # seconds that a batch takes, at least


def main(folder: Path, out: Path, kills: int, seed: int) -> None:
    """Fork and kill, each child at some moment after it has kept a batch of its own."""
    assert timm.__version__  # what a child needs is imported once, here
    assert extract.VERSION
    moments = random.Random(seed)
    for attempt in range(kills + 1):
        before = kept(out)
        child = os.fork()
        if not child:
            ImageTextModel.encode_layers = logging(ImageTextModel.encode_layers, folder / "passes.txt")
            run(folder, out)
            os._exit(0)
        if attempt < kills:
            while kept(out) == before:
                time.sleep(0.001)
            time.sleep(moments.uniform(0, PACE))
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def run(folder: Path, out: Path) -> None:
    """The stage on the study in `folder`."""
    inputs = {"stimuli": "stimuli.csv", "images": "images", "views": "vse.zarr.zip", "captions": "captions.csv"}
    paths = {name: folder / file for name, file in inputs.items()}
    stage(**paths, out=out, params_file=folder / "params.yaml")


def logging(encode, log):
    """`encode_layers`, which also notes how many images it has seen."""

    def noted(self, pixels, layers):
        time.sleep(PACE)
        features = encode(self, pixels, layers)
        with log.open("a") as file:
            file.write(f"{len(pixels)}\n")
        return features

    return noted


def kept(out: Path) -> int:
    """How much is kept of the unfinished run."""
    folder = out.with_name(f".{out.name}.unfinished.features")
    return len(list(folder.rglob("*.part")))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]), *map(int, sys.argv[3:5]))
