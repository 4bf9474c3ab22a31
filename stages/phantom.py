"""Stage `phantom`: the synthetic study, written as the authors of THINGS-EEG2 published the real one.

python -m stages.phantom --out data/raw/phantom
"""

from pathlib import Path

import typer

from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.outputs import written_whole
from pipeline_lib.common.params import load_section
from pipeline_lib.common.progress import progress
from pipeline_lib.phantom.image_set import plan_image_set, write_image_set
from pipeline_lib.phantom.params import PhantomParams
from pipeline_lib.phantom.recordings import planned_sessions, write_recordings


def main(*, out: Path, params_file: Path = Path("params.yaml")) -> None:
    """Draw the pictures, record the subjects, and write both below `out`."""
    params = load_section(params_file, "phantom", PhantomParams)
    images = plan_image_set(params)
    n_files = len(planned_sessions(params))
    with written_whole(out) as study:
        folder = study / "image_set"
        write_image_set(images, folder, seed=params.seed, size=params.image_size)
        written = write_recordings(images, folder, study, params)
        n_bytes = sum(path.stat().st_size for path in progress(written, total=n_files, label="sessions", unit="file"))
    n_pictures = len(images.train) + len(images.test) + len(images.center)
    typer.echo(f"phantom: {n_pictures} pictures, {n_files} recordings ({n_bytes / 1e9:.2f} GB) -> {out}")


if __name__ == "__main__":
    run_stage(main)
