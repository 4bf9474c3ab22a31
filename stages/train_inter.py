"""Stage `train-inter`: the responses of all subjects but one -> a model that never saw the one left out.

python -m stages.train_inter --held-out sub-01 --seed 0 --epochs data/epochs \
    --features data/features/slip-b16.h5 --stimuli data/stimuli.csv --out data/runs/inter/sub-01-seed0
"""

from pathlib import Path

import typer

from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.errors import InputError, bad_value
from pipeline_lib.common.params import load_names
from pipeline_lib.training.run import RunInputs, train_run
from pipeline_lib.training.settings import load_settings


def main(
    *,
    held_out: str,
    seed: int,
    epochs: Path,
    features: Path,
    stimuli: Path,
    out: Path,
    params_file: Path = Path("params.yaml"),
) -> None:
    """Train on every subject of params.yaml but `held_out` and write the run folder `out`.

    `epochs` is the folder of the epochs stores; only those of the listed subjects are opened.
    """
    settings = load_settings(params_file)
    subjects = load_names(params_file, "subjects")
    if held_out not in subjects:
        raise bad_value("held_out", held_out, subjects, where=str(params_file))
    others = {name: epochs / f"{name}.zarr.zip" for name in subjects if name != held_out}
    if not others:
        raise InputError(f"{params_file}: leaving {held_out} out leaves no training subject; set held_out to []")
    inputs = RunInputs("inter", held_out, others, features, stimuli)
    if said := train_run(inputs, settings, n_epochs=settings.train.inter_epochs, seed=seed, out=out):
        typer.echo(said)


if __name__ == "__main__":
    run_stage(main)
