"""How much memory the stages that look at pictures take: run by test_bounded_memory.py in a process of its own.

python -m tests.stages.looked_at FOLDER

FOLDER holds models and the studies that the stages are to work on; the figures are the last line of the output.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import torch
import yaml

from pipeline_lib.stimuli.extraction import in_threads
from pipeline_lib.stimuli.images import load_image
from tests.stages.pictured_study import STAGES, run_stage_of

# Two pictures at once, where a stage can be told so.
CHANGES = {
    "vse": {},
    "features": {"views": ["raw", "mosaic"], "batch_size": 2},
    "caption": {"batch_size": 2},
}
SMALL = {"size": 48, "lowres": {"size": 8}}


def main(folder: Path) -> None:
    """Print the most bytes that the process held: in each stage on few and on many pictures, and with threads."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    held = {}
    for stage in STAGES:
        for study in ("few", "many"):
            held[f"{stage} {study}"] = most_held(run, stage, folder, study)
    files = sorted((folder / "gigantic" / "images" / "train").iterdir())
    held["nothing"] = most_held(list)
    for threads in (1, 4):
        held[f"gigantic, {threads} threads"] = most_held(decode, files, threads)
    print(json.dumps(held))


def run(stage: str, folder: Path, study: str) -> None:
    """A stage on a study in `folder`."""
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    run_stage_of(stage, folder / study, folder, params | {"views": params["views"] | SMALL}, **CHANGES[stage])


def decode(files: list[Path], threads: int) -> None:
    """As stage vse does it."""
    for _ in in_threads(lambda file: load_image(file, 64), files, threads=threads):
        pass


def most_held(work: Callable[..., Any], *arguments: Any) -> int:
    """The most memory that the process held while it worked, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    work(*arguments)
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]))
