"""The files that hold the outcome: metrics for ``dvc metrics``, rows for ``dvc plots``.

``retrieval.json`` holds everything, and DVC shows little of it: its tables take numbers from nested keys and pass over
lists. So the headline figures are plain keys (``intra.image.top1``), and all others stand in the list ``details``.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.outputs import written_whole
from pipeline_lib.retrieval.metrics import MEASURES, metrics_of
from pipeline_lib.retrieval.params import EvaluateParams
from pipeline_lib.retrieval.summaries import FROM_BRAIN, Result, summarise

DIGITS = 6
HEADLINE = ("top1", "top5", "mrr", "p")


def about_lines(
    *,
    study: str,
    synthetic: bool,
    closed_set: bool,
    repeats: str | int,
    whitening: str,
    selection: str,
    remarks: Sequence[str] = (),
) -> list[str]:
    """What has to be known to read the figures.

    Parameters
    ----------
    study : str
        Its name.
    synthetic : bool
        Whether the recordings were made by `trialign` itself.
    closed_set : bool
        Whether training may show other images of the test concepts.
    repeats : "mean", "single" or int
        As :class:`~pipeline_lib.retrieval.params.EvaluateParams` says.
    whitening : str
        As the epochs store names it (``own-training-trials``).
    selection : str
        How the tested checkpoint was chosen.
    remarks : sequence of str
        What is out of the ordinary with these runs; defaults to nothing.
    """
    first = "synthetic data: these accuracies are no evidence about brains" if synthetic else "recorded data"
    known = "closed set: training may show other images of the test concepts"
    queries = {"mean": "the mean over repeats of each test image", "single": "single trials"}
    return [
        f"{study} study, {first}",
        *remarks,
        known if closed_set else "zero-shot: no image of a test concept is shown in training",
        f"queries: {queries.get(str(repeats), f'the mean of {repeats} repeats of each test image')}",
        "galleries hold the test items only, the match of every query among them; ties count against the model",
        f"whitening: {whitening}",
        f"selection: {selection}",
        "sd: over seeds, of the mean over subjects (null for one seed)",
        "interval: 95 % bootstrap over test images; p: permutation test of the mean reciprocal rank",
        f"intra, inter: queries {FROM_BRAIN}; details: both directions",
    ]


def retrieval_report(results: Sequence[Result], params: EvaluateParams, about: Sequence[str]) -> dict[str, Any]:
    """The content of ``metrics/retrieval.json``.

    Parameters
    ----------
    results : sequence of Result
        All protocols, subjects, seeds, galleries and directions, in the order in which they are to appear.
    params : EvaluateParams
    about : sequence of str
        From :func:`about_lines`.

    Returns
    -------
    dict
        ``about``; for each protocol and gallery ``top1`` (and ``top1_sd`` over seeds), ``top5``, ``mrr`` and ``p`` of
        the direction :data:`FROM_BRAIN`; ``details``, one mapping per protocol, gallery and direction as
        :func:`~pipeline_lib.retrieval.summaries.summarise` gives it. Numbers are rounded to :data:`DIGITS` digits.
    """
    groups: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.protocol, result.gallery, result.direction), []).append(result)
    options = {"n_way": params.n_way, "bootstrap": params.bootstrap}
    options |= {"permutations": params.permutations, "seed": params.seed}
    details = [
        {"protocol": protocol, "gallery": gallery, "direction": direction, **summarise(runs, **options)}
        for (protocol, gallery, direction), runs in groups.items()
    ]
    report: dict[str, Any] = {"about": list(about)}
    for row in details:
        if row["direction"] == FROM_BRAIN:
            report.setdefault(row["protocol"], {})[row["gallery"]] = _headline(row)
    return rounded(report | {"details": details})


def _headline(row: dict[str, Any]) -> dict[str, Any]:
    figures = {name: row[name] for name in HEADLINE}
    return {"top1": figures.pop("top1"), "top1_sd": row["sd"] and row["sd"]["top1"], **figures}


def detail_of(report: dict[str, Any], protocol: str, gallery: str, direction: str = FROM_BRAIN) -> dict[str, Any]:
    """The entry of ``details`` for one protocol, gallery and direction.

    Raises
    ------
    KeyError
        If there is none.
    """
    for row in report["details"]:
        if (row["protocol"], row["gallery"], row["direction"]) == (protocol, gallery, direction):
            return row
    raise KeyError(f"{protocol}, {gallery}, {direction}")


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write the report as JSON, whole or not at all."""
    with written_whole(path) as unfinished:
        unfinished.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_report(path: Path) -> dict[str, Any]:
    """Read what :func:`write_report` wrote.

    Raises
    ------
    InputError
        If the file is missing or is no such report.
    """
    try:
        report = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; 'dvc repro' makes it") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}); 'dvc repro -f evaluate' makes it anew") from None
    if not isinstance(report, dict) or not isinstance(report.get("details"), list):
        raise InputError(f"{path}: is no retrieval report, it has no list 'details'; 'dvc repro' makes one")
    return report


def write_subject_rows(results: Iterable[Result], path: Path) -> None:
    """Write one row per protocol, gallery, direction, subject and seed, as csv."""
    header = ("protocol", "gallery", "direction", "subject", "seed", "queries", "gallery_size", *MEASURES)
    rows = []
    for result in results:
        found = metrics_of(result.ranking)
        who = (result.protocol, result.gallery, result.direction, result.subject, result.seed)
        figures = (rounded(found.values[name]) for name in MEASURES)
        rows.append((*who, found.n_queries, found.n_gallery, *figures))
    write_csv(path, header, rows)


def write_n_way_rows(report: dict[str, Any], path: Path) -> None:
    """Write the expected n-way accuracies of `report`, one row per protocol, gallery, direction and n, as csv."""
    rows = [
        (row["protocol"], row["gallery"], row["direction"], n, accuracy, rounded(1 / int(n)))
        for row in report["details"]
        for n, accuracy in row["n_way"].items()
    ]
    write_csv(path, ("protocol", "gallery", "direction", "n", "accuracy", "chance"), rows)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows as csv, whole or not at all."""
    with written_whole(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def rounded(value: Any) -> Any:
    """`value` with every float in it rounded to :data:`DIGITS` digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return round(value, DIGITS) if isinstance(value, float) else value
