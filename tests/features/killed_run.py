"""Run by test_resume: stage `features` in child processes that are killed at random moments, the last one excepted.

python -m tests.features.killed_run FOLDER OUT KILLS SEED
"""

import sys
from functools import partial
from pathlib import Path

import timm

from pipeline_lib.features import extract
from pipeline_lib.features.models import ImageTextModel
from stages.features import main as stage
from tests.killing import killed_again_and_again, slow_and_noted

PACE = 0.05  # seconds that a batch takes, at least


def main(folder: Path, out: Path, kills: int, seed: int) -> None:
    """Run the stage on the study in `folder`, noting in passes.txt how many images each forward pass has seen."""
    assert timm.__version__  # what a child needs is imported once, here
    assert extract.VERSION

    def note(pixels, layers):
        with (folder / "passes.txt").open("a") as file:
            file.write(f"{len(pixels)}\n")

    ImageTextModel.encode_layers = slow_and_noted(ImageTextModel.encode_layers, note, pace=PACE)
    killed_again_and_again(partial(run, folder, out), lambda: kept(out), kills=kills, seed=seed, within=PACE)


def run(folder: Path, out: Path) -> None:
    """The stage on the study in `folder`."""
    inputs = {"stimuli": "stimuli.csv", "images": "images", "views": "vse.zarr.zip", "captions": "captions.csv"}
    paths = {name: folder / file for name, file in inputs.items()}
    stage(**paths, out=out, params_file=folder / "params.yaml")


def kept(out: Path) -> int:
    """How much is kept of the unfinished run."""
    return len(list(out.with_name(f".{out.name}.unfinished.features").rglob("*.part")))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]), *map(int, sys.argv[3:5]))
