"""Stage `vse`: pictures -> the images that a briefly flashed eye would see.

python -m stages.vse --stimuli data/stimuli.csv --images data/raw/phantom/image_set --out data/views/vse.zarr.zip
"""

from pathlib import Path

import typer

from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.outputs import written_whole
from pipeline_lib.common.params import load_section
from pipeline_lib.common.progress import progress
from pipeline_lib.common.stimulus_table import read_stimulus_table
from pipeline_lib.stimuli.extraction import write_views
from pipeline_lib.stimuli.params import VseParams


def main(*, stimuli: Path, images: Path, out: Path, params_file: Path = Path("params.yaml")) -> None:
    """Write the saliency view of every image of the table `stimuli`, found below `images`, to the store `out`."""
    params = load_section(params_file, "vse", VseParams)
    shown = read_stimulus_table(stimuli).frame[: None if params.enabled else 0]
    files = [images / file for file in shown["file"]]
    with written_whole(out) as unfinished:
        done = write_views(unfinished, shown["image_id"].tolist(), files, params)
        n_images = sum(1 for _ in progress(done, total=len(files), label="saliency", unit="image"))
    size = "native size" if params.size is None else f"{params.size} px"
    typer.echo(f"vse: {n_images} images, {size} -> {out}" if params.enabled else f"vse: off, an empty store -> {out}")


if __name__ == "__main__":
    run_stage(main)
