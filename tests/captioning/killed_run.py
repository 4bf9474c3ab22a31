"""Run by test_resume: stage `caption` in child processes that are killed at random moments, the last one excepted.

python -m tests.captioning.killed_run FOLDER OUT KILLS SEED
"""

import sys
from functools import partial
from pathlib import Path

import transformers

from pipeline_lib.captioning import model_source
from pipeline_lib.captioning.captioner import Captioner
from stages.caption import main as stage
from tests.killing import killed_again_and_again, slow_and_noted

PACE = 0.05  # seconds that an image takes, at least


def main(folder: Path, out: Path, kills: int, seed: int) -> None:
    """Caption the study in `folder`, noting in described.txt the images that were described."""
    assert transformers.__version__  # what a child needs is imported once, here
    assert model_source.VERSION

    def note(_inputs, keys):
        with (folder / "described.txt").open("a") as file:
            file.writelines(f"{key}\n" for key in keys)

    Captioner.write = slow_and_noted(Captioner.write, note, pace=PACE)
    paths = {"stimuli": folder / "stimuli.csv", "images": folder / "images", "params_file": folder / "params.yaml"}
    killed_again_and_again(partial(stage, **paths, out=out), lambda: kept(out), kills=kills, seed=seed, within=PACE)


def kept(out: Path) -> int:
    """How much is kept of the unfinished run."""
    return len(list(out.with_name(f".{out.name}.unfinished.captions").rglob("*.part")))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]), *map(int, sys.argv[3:5]))
