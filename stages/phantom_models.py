"""Stage `phantom_models`: train the phantom's tiny image-text model and captioner on drawn pictures.

    python -m stages.phantom_models --clip data/models/phantom/slip-b16 --blip2 data/models/phantom/blip2

Its outputs are kept in git, so a fresh clone has them and `dvc repro` skips this stage.
"""

from pathlib import Path

import numpy as np
import typer
from transformers.utils.logging import disable_progress_bar

from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.outputs import written_whole
from pipeline_lib.common.params import load_section
from pipeline_lib.phantom.images import ALL_CONCEPTS, split_concepts
from pipeline_lib.phantom.tiny_blip2 import train_blip2, write_blip2
from pipeline_lib.phantom.tiny_clip import train_clip, write_slip
from pipeline_lib.phantom.tiny_params import PhantomModelsParams
from pipeline_lib.phantom.tiny_training import draw_pictures


def main(*, clip: Path, blip2: Path, params_file: Path = Path("params.yaml")) -> None:
    """Write the image-text model to the folder `clip` and the captioner to the folder `blip2`."""
    params = load_section(params_file, "phantom_models", PhantomModelsParams)
    held_out = params.held_out
    concepts, _ = split_concepts(held_out.seed, len(ALL_CONCEPTS) - held_out.concepts, held_out.concepts)
    pictures = draw_pictures(concepts, params.pictures, np.random.default_rng(params.seed))
    disable_progress_bar()  # transformers' own, while it writes
    tower, clip_losses = train_clip(pictures, concepts, seed=params.seed, **params.clip.model_dump())
    captioner, processor, blip2_losses = train_blip2(
        tower, pictures, concepts, seed=params.seed, **params.blip2.model_dump()
    )
    with written_whole(clip) as unfinished:
        write_slip(tower, unfinished, steps=params.clip.steps)
    with written_whole(blip2) as unfinished:
        write_blip2(captioner, processor, unfinished)
    typer.echo(
        f"phantom_models: {len(pictures.pixels)} pictures of {len(concepts)} concepts -> {clip} "
        f"(loss {clip_losses[-1]:.2f}), {blip2} (loss {blip2_losses[-1]:.2f})"
    )


if __name__ == "__main__":
    run_stage(main)
