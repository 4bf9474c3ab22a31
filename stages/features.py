"""Stage `features`: images, their views and captions -> features of an image-text model, by image id.

python -m stages.features --stimuli data/stimuli.csv --images data/raw/phantom/image_set \
    --views data/views/vse.zarr.zip --captions data/captions.csv --out data/features/slip-b16.h5
"""

from pathlib import Path

import typer

from pipeline_lib.captioning.table import read_captions
from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.outputs import written_whole
from pipeline_lib.common.params import load_section
from pipeline_lib.common.space import space_needed
from pipeline_lib.common.stimulus_table import read_stimulus_table
from pipeline_lib.features.bank import BankWriter
from pipeline_lib.features.params import FeaturesParams
from pipeline_lib.features.supplied import is_supplied, supplied_source
from pipeline_lib.stimuli.params import ViewsParams


def main(
    *, stimuli: Path, images: Path, views: Path, captions: Path, out: Path, params_file: Path = Path("params.yaml")
) -> None:
    """Write the feature bank of ``features.model`` to `out`."""
    params = load_section(params_file, "features", FeaturesParams)
    made_views = load_section(params_file, "views", ViewsParams)
    table = read_stimulus_table(stimuli)
    spoken = read_captions(captions)
    if is_supplied(params.weights):
        source = supplied_source(params, table, captions=spoken)
    else:
        from pipeline_lib.features.extract import model_source

        source = model_source(params, table, images=images, views=views, captions=spoken, made_views=made_views)
    image_ids, widths = table.frame["image_id"].tolist(), {}
    with (
        space_needed(out, "make room and start again"),
        written_whole(out) as unfinished,
        BankWriter(unfinished, image_ids, dtype=params.dtype, attributes=source.attributes) as bank,
    ):
        for dataset, start, values in source.rows:
            bank.write_rows(dataset, start, values)
            widths[dataset] = values.shape[1]
    written = ", ".join(f"{dataset} {width}-d" for dataset, width in widths.items())
    typer.echo(f"features: {len(table)} images, {params.model} ({written}) -> {out}")


if __name__ == "__main__":
    run_stage(main)
