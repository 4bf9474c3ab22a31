"""How a stage or command is started: bad input is one line on standard error and exit code 2, never a traceback."""

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

import typer

from pipeline_lib.common.errors import InputError


def run_stage(main: Callable[..., None]) -> None:
    """Run a stage's typed ``main`` as a command-line program.

    Parameters
    ----------
    main : callable
        Its keyword arguments become ``--options``.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(_all_options(main))
    guarded(app)


def guarded(call: Callable[[], Any]) -> None:
    """Call `call`; print an :class:`InputError` as one line and exit with code 2."""
    try:
        call()
    except InputError as error:
        print(f"trialign: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def _all_options(main: Callable[..., None]) -> Callable[..., None]:
    """`main` with every required keyword argument declared as an option: Typer would make it a positional argument."""

    @functools.wraps(main)
    def command(**options: Any) -> None:
        main(**options)

    signature = inspect.signature(main)
    command.__signature__ = signature.replace(
        parameters=[
            parameter if parameter.default is not parameter.empty else parameter.replace(default=typer.Option(...))
            for parameter in signature.parameters.values()
        ]
    )
    return command
