"""Stage `caption`: images -> what is said about each of them.

python -m stages.caption --stimuli data/stimuli.csv --images data/raw/phantom/image_set --out data/captions.csv
"""

from pathlib import Path

import typer

from pipeline_lib.captioning.params import CaptionParams
from pipeline_lib.captioning.sources import make_captions
from pipeline_lib.captioning.table import write_captions
from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.params import load_section
from pipeline_lib.common.stimulus_table import read_stimulus_table


def main(*, stimuli: Path, images: Path, out: Path, params_file: Path = Path("params.yaml")) -> None:
    """Write a caption of every image of the stimulus table to `out`; only a header with ``caption.source: none``."""
    params = load_section(params_file, "caption", CaptionParams)
    captions = make_captions(params, read_stimulus_table(stimuli), images)
    write_captions(captions, out)
    typer.echo(f"caption: {len(captions)} captions, source {params.source} -> {out}")


if __name__ == "__main__":
    run_stage(main)
