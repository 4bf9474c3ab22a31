"""Command `trialign table`: the experiments of a commit as one table.

    trialign table --rows caption.source --columns caption.prompt
    trialign table --ablation --out ablation.md

Parameters and metrics come from ``dvc exp show``; the workspace does not count, for it may be half-way. `compare` says
whether a difference is more than luck.
"""

from pathlib import Path
from typing import Annotated

import typer

from pipeline_lib.commands.experiment_list import Experiment, check_metric, check_param, experiments_on
from pipeline_lib.commands.grids import check_form, render, write_grid
from pipeline_lib.commands.pivot import Grid, ablation, pivot
from pipeline_lib.common.errors import InputError

METRIC = "intra.image.top1"


def table(
    *,
    rows: Annotated[str, typer.Option(help="Parameter down the side, as caption.source.")] = "",
    columns: Annotated[str, typer.Option(help="Parameter across, as caption.prompt.")] = "",
    ablated: Annotated[
        bool, typer.Option("--ablation", help="One row per experiment: what differs, and by how much.")
    ] = False,
    metric: Annotated[str, typer.Option(help="Of metrics/retrieval.json.")] = METRIC,
    rev: Annotated[str, typer.Option(help="The commit whose experiments count.")] = "HEAD",
    out: Annotated[Path | None, typer.Option(help="Also write the table here: .csv, .md or .html.")] = None,
) -> None:
    """Print the experiments of a commit as a table: parameters against a metric, or an ablation."""
    from pipeline_lib.retrieval.table import print_table

    check_options(rows, columns, ablated)
    check_form(out)
    grid = grid_of(experiments_on(rev), rows=rows, columns=columns, ablated=ablated, metric=metric)
    print_table(render(grid))
    for line in grid.notes:
        typer.echo(line)
    if out:
        write_grid(grid, out)


def check_options(rows: str, columns: str, ablated: bool) -> None:
    """Refuse options that do not go together.

    Raises
    ------
    InputError
        Unless it is either an ablation, or rows with or without columns.
    """
    if ablated and (rows or columns):
        raise InputError("--ablation does not go with --rows and --columns; it has a row per experiment")
    if not ablated and not rows:
        raise InputError("nothing to tabulate; give --rows and --columns with names of parameters, or --ablation")


def grid_of(experiments: list[Experiment], *, rows: str, columns: str, ablated: bool, metric: str) -> Grid:
    """The table that is asked for.

    Raises
    ------
    InputError
        If no experiment has the metric or a parameter.
    """
    check_metric(experiments, metric)
    if ablated:
        return ablation(experiments, metric)
    check_param(experiments, rows, "--rows")
    if columns:
        check_param(experiments, columns, "--columns")
    return pivot(experiments, rows, columns, metric)
