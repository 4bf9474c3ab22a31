"""Stage `phantom`: the synthetic study, written as the authors of THINGS-EEG2 or of THINGS-MEG published the real one.

python -m stages.phantom --out data/raw/phantom
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import typer

from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.outputs import written_whole
from pipeline_lib.common.params import load_section
from pipeline_lib.common.progress import progress
from pipeline_lib.phantom.image_set import (
    ImageSet,
    as_things,
    plan_image_set,
    write_categories,
    write_image_set,
    write_pictures,
)
from pipeline_lib.phantom.meg_recordings import numbered, planned_runs, write_meg_study
from pipeline_lib.phantom.params import PhantomParams
from pipeline_lib.phantom.recordings import planned_sessions, write_recordings


class Plan(NamedTuple):
    """What is going to be written, and by what."""

    images: ImageSet
    n_files: int
    draw: Callable[..., None]
    record: Callable[..., Iterator[Path]]


def main(*, out: Path, params_file: Path = Path("params.yaml")) -> None:
    """Draw the pictures, record the subjects, and write both below `out`."""
    params = load_section(params_file, "phantom", PhantomParams)
    images, n_files, draw, record = planned(params)
    with written_whole(out) as study:
        folder = study / "image_set"
        draw(images, folder, seed=params.seed, size=params.image_size)
        write_categories(images, folder / "categories.csv")
        written = record(images, folder, study, params)
        n_bytes = sum(path.stat().st_size for path in progress(written, total=n_files, label="recordings", unit="file"))
    n_pictures = len(images.train) + len(images.test) + len(images.center)
    typer.echo(f"phantom: {n_pictures} pictures, {n_files} recordings ({n_bytes / 1e9:.2f} GB) -> {out}")


def planned(params: PhantomParams) -> Plan:
    """The plan of a study with these parameters; raises InputError if there can be none."""
    images = plan_image_set(params)
    if params.modality == "eeg":
        return Plan(images, len(planned_sessions(params)), write_image_set, write_recordings)
    images = as_things(images)
    return Plan(images, len(planned_runs(numbered(images), params)), write_pictures, write_meg_study)


if __name__ == "__main__":
    run_stage(main)
