"""Stage `preprocess`: a subject's raw recordings -> whitened single trials, their means per image, and their quality.

python -m stages.preprocess --subject sub-01 --stimuli data/stimuli.csv --out data/epochs/sub-01.zarr.zip \
    --quality data/epochs/sub-01.quality.json
"""

from pathlib import Path

import typer

from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.outputs import scratch_beside
from pipeline_lib.common.params import load_section
from pipeline_lib.common.stimulus_table import read_stimulus_table
from pipeline_lib.recordings.params import PreprocessParams, StudyParams
from pipeline_lib.recordings.preprocess import Preprocessed, preprocess_subject, quality_of
from pipeline_lib.recordings.quality import write_quality
from pipeline_lib.recordings.store import write_store


def main(*, subject: str, stimuli: Path, out: Path, quality: Path, params_file: Path = Path("params.yaml")) -> None:
    """Write the epochs of `subject`, a folder below study.root, to the store `out`, and their `quality` beside it."""
    study = load_section(params_file, "study", StudyParams)
    params = load_section(params_file, "preprocess", PreprocessParams)
    table = read_stimulus_table(stimuli)
    with scratch_beside(out) as scratch:
        result = preprocess_subject(study, params, subject, table, scratch)
        write_quality(quality, quality.with_suffix(".csv"), quality_of(result))
        write_store(out, result.data, dtype=params.dtype)
    typer.echo(f"preprocess: {subject}: {_summary(result)} -> {out}")


def _summary(result: Preprocessed) -> str:
    """Such as ``1200 training trials of 600 images, 600 test trials of 60 images, 63 channels x 250 samples``."""
    data = result.data
    counts = [
        f"{int(chosen.sum())} {name} trials of {len(set(data.image_ids[chosen].tolist()))} images"
        for name, chosen in (("training", ~data.test), ("test", data.test))
    ]
    dropped = ", ".join(f"{count} {why}" for why, count in sorted(result.dropped.items()))
    note = f" (events left out: {dropped})" if dropped else ""
    return f"{', '.join(counts)}, {data.epochs.shape[1]} channels x {data.epochs.shape[2]} samples{note}"


if __name__ == "__main__":
    run_stage(main)
