"""Stage `preprocess`: a subject's raw recordings -> whitened single trials and their means per image.

python -m stages.preprocess --subject sub-01 --stimuli data/stimuli.csv --out data/epochs/sub-01.zarr.zip
"""

from pathlib import Path

import typer

from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.params import load_section
from pipeline_lib.common.stimulus_table import read_stimulus_table
from pipeline_lib.recordings.params import PreprocessParams, StudyParams
from pipeline_lib.recordings.preprocess import preprocess_subject
from pipeline_lib.recordings.store import EpochsData, write_store


def main(*, subject: str, stimuli: Path, out: Path, params_file: Path = Path("params.yaml")) -> None:
    """Write the epochs of `subject`, a folder below study.root, to the store `out`."""
    study = load_section(params_file, "study", StudyParams)
    params = load_section(params_file, "preprocess", PreprocessParams)
    table = read_stimulus_table(stimuli)
    data = preprocess_subject(study, params, subject, table)
    write_store(out, data)
    typer.echo(f"preprocess: {subject}: {_summary(data)} -> {out}")


def _summary(data: EpochsData) -> str:
    """Such as ``1200 training trials of 600 images, 600 test trials of 60 images, 63 channels x 250 samples``."""
    counts = [
        f"{int(chosen.sum())} {name} trials of {len(set(data.image_ids[chosen].tolist()))} images"
        for name, chosen in (("training", ~data.test), ("test", data.test))
    ]
    dropped = data.provenance.get("incomplete_epochs_dropped", 0)
    note = f" ({dropped} events too near to a recording's end were left out)" if dropped else ""
    return f"{', '.join(counts)}, {data.epochs.shape[1]} channels x {data.epochs.shape[2]} samples{note}"


if __name__ == "__main__":
    run_stage(main)
