"""`trialign model show DIR`: what a trained model is, on one page.

Everything comes from the model's folder. What the model is worth on test data is told by stage `evaluate`; where its
rows lie above the folder, the page only says so.
"""

import csv
from collections.abc import Iterator
from dataclasses import asdict
from enum import StrEnum
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pipeline_lib.recordings.fitted import Fitted

TEST_METRICS = Path("metrics") / "plots" / "subjects.csv"
RUN = ("protocol", "subject", "seed")


class Action(StrEnum):
    """What to do with a model."""

    SHOW = "show"


def model(
    action: Annotated[Action, typer.Argument(help="show: print what the model is.")],
    folder: Annotated[Path, typer.Argument(help="A model's folder, such as data/runs/intra/sub-01-seed0.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a page.")] = False,
) -> None:
    """What a trained model is: data, preprocessing, target, training, and how well it did in validation."""
    from pipeline_lib.commands.model_page import print_page

    found = described(folder)
    if as_json:
        typer.echo(dumps(found, ensure_ascii=False))
    else:
        print_page(found)


def described(folder: Path) -> dict[str, Any]:
    """What a model's folder says; the whole of it is checked on the way.

    Returns
    -------
    dict
        The fields of :class:`~pipeline_lib.training.model_card.ModelCard`, and ``folder``; ``window``; ``weights``
        (``parameters``, ``bytes``); ``fitted`` (by subject: ``sessions`` with ``files`` and ``condition``,
        ``standardized``); ``params`` (sections); ``test_metrics`` (a file, or None).

    Raises
    ------
    InputError
        If the folder is not that of a model.
    """
    from pipeline_lib.recordings.fitted import load_fitted
    from pipeline_lib.training.run_folder import WEIGHTS, load_run

    trained, card, params = load_run(folder)
    n_parameters = sum(parameter.numel() for parameter in trained.parameters())
    return {
        "folder": str(folder),
        **asdict(card),
        "window": card.window,
        "weights": {"parameters": n_parameters, "bytes": (folder / WEIGHTS).stat().st_size},
        "fitted": {name: _fitted_described(load_fitted(folder, name)) for name in card.trained_on},
        "params": params,
        "test_metrics": _test_metrics(folder, (card.protocol, card.subject, str(card.seed))),
    }


def _fitted_described(fitted: "Fitted") -> dict[str, Any]:
    conditions = fitted.conditions
    numbers = sorted(fitted.sessions.keys() | conditions.keys())
    sessions = {
        str(number): {"files": fitted.sessions.get(number, []), "condition": conditions.get(number)}
        for number in numbers
    }
    return {"sessions": sessions, "standardized": fitted.mean is not None}


def _test_metrics(folder: Path, run: tuple[str, str, str]) -> str | None:
    """The nearest table of stage `evaluate` above the folder, if it has rows of this run; they are not read."""
    tables = (parent / TEST_METRICS for parent in folder.resolve().parents)
    table = next((path for path in tables if path.is_file()), None)
    return str(table) if table and run in _runs_in(table) else None


def _runs_in(table: Path) -> Iterator[tuple[str, ...]]:
    try:
        with table.open(encoding="utf-8", newline="") as file:
            yield from (tuple(row.get(name) or "" for name in RUN) for row in csv.DictReader(file))
    except (OSError, ValueError, csv.Error):
        return
