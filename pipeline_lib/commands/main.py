"""The program `trialign`: small commands over the same code as the stages.

trialign --help
"""

import sys
from collections.abc import Callable
from importlib import import_module

import typer

from pipeline_lib.common.cli import guarded

COMMANDS = {
    "bench-systems": "Run presets on a study and print one table, ours beside the published figures.",
    "check": "Validate params.yaml, data and weights, and say what is missing and how to get it.",
    "compare": "Compare experiments over the same test images: differences, intervals, p-values.",
    "decode": "Rank a gallery of images for each trial of new recordings, by a trained model.",
    "features": "What a feature file holds: datasets, shapes, types, and how they were made.",
    "fetch": "Download a public study into the layout that study.layout expects, or list the studies.",
    "inspect": "What a study holds, and every defect, from tables and headers alone.",
    "model": "What a trained model is: data, preprocessing, target, training, validation.",
    "preset": "List presets, or print one as options for 'dvc exp run'.",
    "results": "Print the retrieval table of the last run.",
    "score": "All retrieval metrics of two files of embeddings, row i matching row i.",
    "table": "Print experiments as a table: parameters against a metric, or an ablation.",
    "vse": "Write the saliency view and map of images as PNG.",
}


def build_app(chosen: str = "") -> typer.Typer:
    """The command-line program, with the code behind `chosen` only: the other commands are there by name and summary.

    Parameters
    ----------
    chosen : str
        Name of the command that will run. Imports take seconds, and nobody waits for those of another command.
    """
    app = typer.Typer(
        name="trialign",
        help="Decode seen pictures from brain responses. The pipeline itself runs with 'dvc repro'.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for name, summary in COMMANDS.items():
        app.command(name, help=None if name == chosen else summary)(_command(name) if name == chosen else _stand_in)
    return app


def main() -> None:
    """Run `trialign`; bad input is one line and exit code 2."""
    chosen = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    guarded(build_app(chosen))


def _command(name: str) -> Callable[..., None]:
    name = name.replace("-", "_")
    return getattr(import_module(f"pipeline_lib.commands.{name}"), name)


def _stand_in() -> None:
    """Stand for a command that is not run."""


if __name__ == "__main__":
    main()
