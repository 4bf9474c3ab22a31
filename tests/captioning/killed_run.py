"""Run by test_resume: stage `caption` in child processes that are killed at random moments, the last one excepted.

python -m tests.captioning.killed_run FOLDER OUT KILLS SEED
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import transformers

from pipeline_lib.captioning import model_source
from pipeline_lib.captioning.captioner import Captioner
from stages.caption import main as stage

PACE = 0.05  # seconds that an image takes, at least


def main(folder: Path, out: Path, kills: int, seed: int) -> None:
    """Fork and kill, each child at some moment after it has kept a batch of its own."""
    assert transformers.__version__  # what a child needs is imported once, here
    assert model_source.VERSION
    moments = random.Random(seed)
    for attempt in range(kills + 1):
        before = kept(out)
        child = os.fork()
        if not child:
            Captioner.write = logging(Captioner.write, folder / "described.txt")
            stage(
                stimuli=folder / "stimuli.csv",
                images=folder / "images",
                out=out,
                params_file=folder / "params.yaml",
            )
            os._exit(0)
        if attempt < kills:
            while kept(out) == before:
                time.sleep(0.001)
            time.sleep(moments.uniform(0, PACE))
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def logging(write, log):
    """`write`, which also notes the images that it has described."""

    def noted(self, inputs, keys):
        time.sleep(PACE)
        captions = write(self, inputs, keys)
        with log.open("a") as file:
            file.writelines(f"{key}\n" for key in keys)
        return captions

    return noted


def kept(out: Path) -> int:
    """How much is kept of the unfinished run."""
    folder = out.with_name(f".{out.name}.unfinished.caption")
    return sum(path.stat().st_size for path in folder.rglob("*.lines"))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]), *map(int, sys.argv[3:5]))
