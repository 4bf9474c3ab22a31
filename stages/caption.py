"""Stage `caption`: images -> what is said about each of them.

python -m stages.caption --stimuli data/stimuli.csv --images data/raw/phantom/image_set --out data/captions.csv

Several processes share the images where a launcher starts them (see common/processes.py).
"""

from pathlib import Path

import typer

from pipeline_lib.captioning.made import Made
from pipeline_lib.captioning.params import CaptionParams
from pipeline_lib.captioning.sources import make_captions
from pipeline_lib.captioning.table import write_captions
from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.params import load_section
from pipeline_lib.common.processes import join_group
from pipeline_lib.common.space import space_needed
from pipeline_lib.common.stimulus_table import read_stimulus_table


def main(*, stimuli: Path, images: Path, out: Path, params_file: Path = Path("params.yaml")) -> None:
    """Write a caption of every image of the stimulus table to `out`; only a header with ``caption.source: none``."""
    params = load_section(params_file, "caption", CaptionParams)
    group = join_group(cpu=params.device == "cpu", module="stages.caption")
    made = make_captions(params, read_stimulus_table(stimuli), images, out=out, group=group)
    if group.first:
        finish(made, out)
        typer.echo(f"caption: {len(made.table)} captions, source {params.source}{_shared(made)} -> {out}")


def finish(made: Made, out: Path) -> None:
    """Write the table; then the captions that were kept beside it are no longer needed."""
    with space_needed(out, "make room and start again"):
        write_captions(made.table, out)
    if made.scratch:
        made.scratch.discard()


def _shared(made: Made) -> str:
    shares = " + ".join(map(str, made.shares))
    return f", {len(made.shares)} processes made {shares}" if len(made.shares) > 1 else ""


if __name__ == "__main__":
    run_stage(main)
