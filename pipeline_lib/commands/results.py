"""Command `trialign results`: the retrieval table of the last run."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline_lib.retrieval.report import read_report
from pipeline_lib.retrieval.summaries import FROM_BRAIN


def results(
    file: Annotated[Path, typer.Argument(help="What stage evaluate wrote.")] = Path("metrics/retrieval.json"),
    *,
    both: Annotated[bool, typer.Option("--both", help="Also the direction from image to brain.")] = False,
) -> None:
    """Print the retrieval table of the last run."""
    from pipeline_lib.retrieval.table import print_table, render_table

    report = read_report(file)
    rows = [row for row in report["details"] if both or row["direction"] == FROM_BRAIN]
    labels = ("protocol", "gallery", "direction") if both else ("protocol", "gallery")
    print_table(render_table(rows, labels=labels))
    for line in report["about"]:
        typer.echo(line)
