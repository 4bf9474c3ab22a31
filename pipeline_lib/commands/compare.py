"""Command `trialign compare`: systems side by side over the same test images, each against the first.

    trialign compare baseline no-vse no-dla --figure differences.png

An EXP is the name of a DVC experiment, a git revision, ``workspace``, or a file or folder of ``queries.csv``. Nothing
is run or checked out: the queries of an experiment come from DVC's cache.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline_lib.common.errors import InputError, bad_value
from pipeline_lib.common.outputs import written_whole

if TYPE_CHECKING:
    from pipeline_lib.retrieval.comparison import Comparison


def compare(
    experiments: Annotated[list[str], typer.Argument(metavar="EXP...", help="The first is the baseline.")],
    *,
    gallery: Annotated[list[str] | None, typer.Option(help="Only this gallery; repeatable.")] = None,
    protocol: Annotated[list[str] | None, typer.Option(help="Only this protocol; repeatable.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    figure: Annotated[Path | None, typer.Option(help="Draw differences and intervals here: .png, .svg, .pdf.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the table here: .csv.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of intervals and p-values.")] = 0,
    resamples: Annotated[int, typer.Option(min=100, help="Of intervals and p-values.")] = 10_000,
) -> None:
    """Compare experiments over the same test images: metrics, differences to the first, intervals, p-values.

    EXP is a DVC experiment, a git revision, 'workspace', or a file or folder of queries.csv.
    """
    check_asked(experiments, figure, out)
    from pipeline_lib.commands.revisions import queries_of
    from pipeline_lib.retrieval.comparison import compare as compared

    systems = {name: queries_of(name) for name in experiments}
    found = compared(systems, protocols=protocol or (), galleries=gallery or (), n_resamples=resamples, seed=seed)
    if as_json:
        typer.echo(as_object(found))
    else:
        _print(found)
    if out:
        with written_whole(out) as unfinished:
            found.rows.to_csv(unfinished, index=False, float_format="%.6g", lineterminator="\n")
    if figure:
        _draw(found, figure)


def check_asked(experiments: Sequence[str], figure: Path | None, out: Path | None) -> None:
    """Refuse what cannot be compared or written, before anything is read.

    Raises
    ------
    InputError
        If there are fewer than two experiments, one of them twice, or files of other kinds are asked for.
    """
    if doubled := [name for name in experiments if experiments.count(name) > 1]:
        raise InputError(f"experiment {doubled[0]!r} is named twice; a system does not differ from itself")
    if len(experiments) < 2:
        raise InputError(f"only {experiments[0]!r} is named; a comparison needs a baseline and at least one other")
    for option, path, allowed in (("--figure", figure, (".png", ".svg", ".pdf")), ("--out", out, (".csv",))):
        if path and path.suffix not in allowed:
            raise bad_value(option, str(path), f"a file that ends in {', '.join(allowed)}")


def as_object(found: "Comparison") -> str:
    """The comparison as JSON; what a baseline's own rows do not have is null."""
    from pipeline_lib.retrieval.report import rounded

    rows = found.rows.astype(object).where(found.rows.notna(), None).to_dict("records")
    return json.dumps({"notes": found.notes, "rows": rounded(rows)}, indent=1, ensure_ascii=False)


def _print(found: "Comparison") -> None:
    from pipeline_lib.commands.comparison_table import render, said
    from pipeline_lib.retrieval.table import print_table

    print_table(render(found))
    for line in said(found):
        typer.echo(line)


def _draw(found: "Comparison", path: Path) -> None:
    from pipeline_lib.reporting.comparison import draw

    with written_whole(path) as unfinished:
        draw(found.rows).savefig(unfinished, dpi=150)
