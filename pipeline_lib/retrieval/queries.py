"""Every query of every run in one table, so that systems can be compared over the same test images.

DVC keeps it in its cache, not in git: with single trials it holds thousands of rows per run.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import pandas as pd

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.retrieval.report import write_csv
from pipeline_lib.retrieval.summaries import FROM_BRAIN, Result

COLUMNS = ("protocol", "gallery", "subject", "seed", "image_id", "concept", "rank", "n_gallery", "found")
LABELS = ("protocol", "gallery", "subject", "seed", "image_id")
NUMBERS = ("rank", "n_gallery")


def write_queries(results: Iterable[Result], path: Path) -> None:
    """Write one row per query from the brain, as csv.

    Columns are :data:`COLUMNS`: ``rank`` of the best matching item, from 1, among ``n_gallery``; ``found``, the item
    that was ranked first (an image id, or for class centres a concept).

    Parameters
    ----------
    results : iterable of Result
        With names; those of the other direction are passed over.
    path : Path
    """
    asked = (result for result in results if result.direction == FROM_BRAIN)
    write_csv(path, COLUMNS, (row for result in asked for row in _rows(result)))


def _rows(result: Result) -> Iterator[tuple[Any, ...]]:
    names, ranking = result.names, result.ranking
    which = (result.protocol, result.gallery, result.subject, result.seed)
    found = (names.items[item] for item in ranking.first.tolist())
    for image_id, concept, rank, item in zip(
        names.image_ids, names.concepts, ranking.best_rank.tolist(), found, strict=True
    ):
        yield (*which, image_id, concept, rank, ranking.n_gallery, item)


def read_queries(file: Path | IO[str], *, where: str) -> pd.DataFrame:
    """What a comparison needs of :func:`write_queries`' table.

    Parameters
    ----------
    file : Path or text file
    where : str
        What it is, for the error.

    Returns
    -------
    DataFrame
        Columns :data:`LABELS` (categories of text) and :data:`NUMBERS` (int).

    Raises
    ------
    InputError
        If it is no such table, or holds no rows or a rank that its gallery does not have.
    """
    wanted = (*LABELS, *NUMBERS)
    types = dict.fromkeys(LABELS, str)  # "category" would read 01 as 1
    try:
        table = pd.read_csv(file, usecols=lambda name: name in wanted, dtype=types, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{where}: cannot be read as a table of queries ({error})") from None
    if missing := [name for name in wanted if name not in table]:
        raise InputError(f"{where}: columns are missing: {listed(missing)}; stage evaluate writes such tables")
    if table.empty:
        raise InputError(f"{where}: holds no queries")
    for name in NUMBERS:
        if not pd.api.types.is_integer_dtype(table[name]):
            raise InputError(f"{where}: column {name} must hold whole numbers")
    if (bad := table.loc[(table["rank"] < 1) | (table["rank"] > table["n_gallery"]), "rank"]).size:
        raise bad_value("rank", int(bad.iloc[0]), "1 to n_gallery", where=where)
    return table[list(wanted)].astype(dict.fromkeys(LABELS, "category"))
