"""`trialign features ls FILE`: what a feature file holds, without reading the features."""

from enum import StrEnum
from json import dumps
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline_lib.features.bank import open_bank


class Action(StrEnum):
    """What to do with a feature file."""

    LS = "ls"


def features(
    action: Annotated[Action, typer.Argument(help="ls: list what the file holds.")],
    file: Annotated[Path, typer.Argument(help="A feature file, such as data/features/slip-b16.h5.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """List datasets with shapes and types, and how the features were made."""
    held = contents(file)
    if as_json:
        typer.echo(dumps(held, ensure_ascii=False))
    else:
        _show(held)


def contents(file: Path) -> dict[str, Any]:
    """What a feature file holds, from its header alone.

    Returns
    -------
    dict
        ``file``, ``images`` (how many), ``datasets`` (by name: ``shape``, ``dtype``) and ``attributes``.

    Raises
    ------
    InputError
        If the file is missing or is no feature bank.
    """
    with open_bank(file) as bank:
        datasets = {
            name: {"shape": list(shape), "dtype": str(dtype)} for name, (shape, dtype) in bank.described().items()
        }
        return {
            "file": str(file),
            "images": len(bank.image_ids),
            "datasets": datasets,
            "attributes": {name: str(value) for name, value in bank.attributes.items()},
        }


def _show(held: dict[str, Any]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    datasets = Table("dataset", "shape", "dtype", box=SIMPLE_HEAD)
    for name, dataset in held["datasets"].items():
        datasets.add_row(Text(name), " x ".join(map(str, dataset["shape"])), dataset["dtype"])
    attributes = Table("attribute", "value", box=SIMPLE_HEAD)
    for name, value in held["attributes"].items():
        attributes.add_row(Text(name), Text(value))  # plain text: a value may look like markup
    console = Console()
    console.print(Text(f"{held['file']}: {held['images']} images"), soft_wrap=True)
    console.print(datasets)
    console.print(attributes)
