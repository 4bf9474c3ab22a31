"""Stage `train`: one subject's responses -> a model trained and selected on that subject's training partition.

python -m stages.train --subject sub-01 --seed 0 --epochs data/epochs/sub-01.zarr.zip \
    --features data/features/slip-b16.h5 --stimuli data/stimuli.csv --out data/runs/intra/sub-01-seed0
"""

from pathlib import Path

import typer

from pipeline_lib.common.cli import run_stage
from pipeline_lib.training.run import RunInputs, train_run
from pipeline_lib.training.settings import load_settings


def main(
    *,
    subject: str,
    seed: int,
    epochs: Path,
    features: Path,
    stimuli: Path,
    out: Path,
    params_file: Path = Path("params.yaml"),
) -> None:
    """Train on one subject and write the run folder `out`."""
    settings = load_settings(params_file)
    inputs = RunInputs("intra", subject, {subject: epochs}, features, stimuli)
    if said := train_run(inputs, settings, n_epochs=settings.train.epochs, seed=seed, out=out):
        typer.echo(said)


if __name__ == "__main__":
    run_stage(main)
