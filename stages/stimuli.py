"""Stage `stimuli`: which images a study has, in one table by which trials, views, captions and features are joined.

python -m stages.stimuli --out data/stimuli.csv
"""

from pathlib import Path

import typer

from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.params import load_section
from pipeline_lib.common.stimulus_table import SPLITS, write_stimulus_table
from pipeline_lib.recordings.params import StudyParams
from pipeline_lib.stimuli.catalogue import read_catalogue


def main(*, out: Path, params_file: Path = Path("params.yaml")) -> None:
    """Write the stimulus table of the study that section `study` describes to `out`."""
    study = load_section(params_file, "study", StudyParams)
    table = read_catalogue(study)
    write_stimulus_table(table, out)
    counts = ", ".join(f"{len(table.of_split(split))} {split}" for split in SPLITS)
    typer.echo(f"stimuli: {counts} images of study {study.name} -> {out}")


if __name__ == "__main__":
    run_stage(main)
