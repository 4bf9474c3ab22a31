"""Command `trialign score`: retrieval metrics of embeddings from anywhere.

trialign score queries.npy gallery.npy --json
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline_lib.retrieval.embedding_files import Embeddings, check_pair, read_embeddings
from pipeline_lib.retrieval.metrics import MEASURES, cosine_similarity
from pipeline_lib.retrieval.summaries import FROM_BRAIN, Result, both_directions, summarise

N_WAY = (2, 4, 10, 50, 100, 200)
DIRECTIONS = ("queries-to-gallery", "gallery-to-queries")


def score(
    queries: Annotated[Path, typer.Argument(help="Embeddings (.npy, .pt), one per row.")],
    gallery: Annotated[Path, typer.Argument(help="What they are matched with: row i belongs to row i of QUERIES.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    queries_key: Annotated[str | None, typer.Option(help="Which tensor of a .pt file with several.")] = None,
    gallery_key: Annotated[str | None, typer.Option(help="Which tensor of a .pt file with several.")] = None,
    bootstrap: Annotated[int, typer.Option(min=0, help="Redrawn test sets for the interval; 0 for none.")] = 1000,
    permutations: Annotated[int, typer.Option(min=0, help="Random pairings for the p-value; 0 for none.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of both.")] = 0,
) -> None:
    """All retrieval metrics of two files of embeddings, row i matching row i.

    Cosine similarity, both directions, ties count against the match. A .pt file may hold several tensors: the only
    matrix is taken, or the only one named like an image.
    """
    pair = (
        read_embeddings(queries, queries_key, option="--queries-key"),
        read_embeddings(gallery, gallery_key, option="--gallery-key"),
    )
    rows = score_pair(*pair, bootstrap=bootstrap, permutations=permutations, seed=seed)
    if as_json:
        typer.echo(json.dumps({"queries": pair[0].source, "gallery": pair[1].source, **rows}, indent=1))
    else:
        _print(pair, rows)


def score_pair(
    queries: Embeddings, gallery: Embeddings, *, bootstrap: int, permutations: int, seed: int
) -> dict[str, dict[str, Any]]:
    """The figures of both directions, as :func:`~pipeline_lib.retrieval.summaries.summarise` gives them.

    Raises
    ------
    InputError
        If the two do not have the same shape, or fewer than two rows.
    """
    check_pair(queries, gallery)
    similarity = cosine_similarity(queries.rows, gallery.rows)
    runs = both_directions(Result("score", "", 0, "gallery", FROM_BRAIN, similarity))
    options = {"n_way": N_WAY, "bootstrap": bootstrap, "permutations": permutations, "seed": seed}
    figures = [summarise([run], **options) for run in runs]
    left_out = ("subjects", "seeds", "sd")
    kept = [{key: value for key, value in row.items() if key not in left_out} for row in figures]
    return dict(zip(DIRECTIONS, kept, strict=True))


def _print(pair: tuple[Embeddings, Embeddings], rows: dict[str, dict[str, Any]]) -> None:
    from rich.table import Table

    from pipeline_lib.retrieval.table import print_table

    table = Table()
    table.add_column("measure")
    for column in (*DIRECTIONS, "chance"):
        table.add_column(column, justify="right")
    forward, reverse = rows.values()
    for name in MEASURES:
        table.add_row(
            name, _with_interval(forward, name), _with_interval(reverse, name), f"{forward['chance'][name]:.6g}"
        )
    for n in forward["n_way"]:
        table.add_row(f"{n}-way", f"{forward['n_way'][n]:.6f}", f"{reverse['n_way'][n]:.6f}", f"{1 / int(n):.6g}")
    if forward["p"] is not None:
        table.add_row("p", f"{forward['p']:.6g}", f"{reverse['p']:.6g}", "")
    typer.echo(f"queries {pair[0].source}\ngallery {pair[1].source}")
    print_table(table)


def _with_interval(row: dict[str, Any], name: str) -> str:
    interval = "" if row["interval"] is None else " [{:.3f}, {:.3f}]".format(*row["interval"][name])
    return f"{row[name]:.6f}{interval}"
