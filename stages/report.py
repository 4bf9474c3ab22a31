"""Stage `report`: metrics, analyses, quality, captions and settings -> one HTML page that needs nothing else.

python -m stages.report --metrics metrics --epochs data/epochs --captions data/captions.csv --stimuli data/stimuli.csv \
    --images data/raw/phantom/image_set --out metrics/report.html
"""

from pathlib import Path

import typer

from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.params import load_names, load_section, read_params
from pipeline_lib.common.progress import progress
from pipeline_lib.common.stimulus_table import read_stimulus_table
from pipeline_lib.recordings.params import StudyParams
from pipeline_lib.reporting.materials import Materials
from pipeline_lib.reporting.page import Page
from pipeline_lib.reporting.params import ReportParams
from pipeline_lib.reporting.sections import THEMES
from pipeline_lib.stimuli.params import VseParams


def main(
    *,
    metrics: Path,
    epochs: Path,
    captions: Path,
    stimuli: Path,
    images: Path,
    out: Path,
    params_file: Path = Path("params.yaml"),
) -> None:
    """Write the report of the study to `out`: all that stands in the folder `metrics`, and what it came from."""
    study = load_section(params_file, "study", StudyParams)
    materials = Materials(
        metrics=metrics,
        epochs=epochs,
        images=images,
        captions_file=captions,
        stimuli=read_stimulus_table(stimuli),
        subjects=load_names(params_file, "subjects"),
        settings=read_params(params_file),
        report=load_section(params_file, "report", ReportParams),
        vse=load_section(params_file, "vse", VseParams),
    )
    page = Page(f"trialign: {study.name}", materials.report.dpi)
    for theme in progress(THEMES, label="report", unit="section"):
        for item in theme.items(materials):
            page.add(theme.title, item)
    page.save(out)
    typer.echo(f"report: {study.name}, {', '.join(theme.title for theme in THEMES)} -> {out}")


if __name__ == "__main__":
    run_stage(main)
