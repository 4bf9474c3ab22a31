"""Command `trialign bench-systems`: presets side by side on one study, and beside them what was published.

trialign bench-systems nice neuroalign --study things-eeg2 --out systems.csv

Each preset is a DVC experiment: it runs by ``dvc exp run`` in the workspace, from the last commit. So raw data need not
be tracked, and what earlier runs have made comes from DVC's run cache: the same command goes on where it was stopped.
Afterwards, whatever happened, the workspace is as it was; the experiments stay (``dvc exp show``, ``dvc exp apply``).

Exit codes: 0, all ran; 1, some failed, which the table names; 2, bad input, a stop by signal, or ``--stop``.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline_lib.commands.check import PARAMS_FILE, check_sections
from pipeline_lib.commands.consistency import check_consistency, check_models_are_real
from pipeline_lib.commands.experiments import Stop, find_dvc, noted_signals, run_experiment
from pipeline_lib.commands.params_edit import with_values
from pipeline_lib.commands.preset import Preset, as_options, preset_names, read_preset
from pipeline_lib.commands.published import published_study
from pipeline_lib.commands.systems_table import Comparison, Outcome, check_suffix, notes, render, write_rows
from pipeline_lib.commands.workspace import (
    Workspace,
    check_committed,
    check_outputs,
    open_workspace,
    restore_files,
    restore_outputs,
)
from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.common.params import read_params

CHANCE = "chance"


@dataclass(frozen=True)
class Run:
    """One preset to be run.

    Attributes
    ----------
    preset : Preset
    options : list of str
        What is set in all, ``-S key=value ...``.
    study : str
        The study that this makes.
    name : str
        Of the experiment.
    problem : str
        Why it cannot succeed, as its values alone say; empty if they do not.
    """

    preset: Preset
    options: list[str]
    study: str
    name: str
    problem: str


def bench_systems(
    presets: Annotated[
        list[str] | None, typer.Argument(help="Without: those with published figures, and chance.")
    ] = None,
    *,
    study: Annotated[str, typer.Option(help="Preset of a study, put in front; params.yaml as it is without.")] = "",
    added: Annotated[list[str] | None, typer.Option("--with", help="Preset put behind each; repeatable.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the table here: .csv or .json.")] = None,
    published_as: Annotated[str, typer.Option(help="Whose published figures stand beside: things-eeg2 ...")] = "",
    keep_going: Annotated[bool, typer.Option("--keep-going/--stop", help="After a preset that fails.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the commands only.")] = False,
) -> None:
    """Run presets on a study and print one table, ours beside the published figures.

    Tracked files must be committed; after each run they are as they were. Exit code 1: some presets failed.
    """
    check_suffix(out)
    runs = planned(presets or default_presets(), study, added or [])
    beside = published_study(runs[0].study, published_as)
    if dry_run:
        for run in runs:
            typer.echo(shlex.join(["dvc", "exp", "run", "-n", run.name, *run.options]))
            if run.problem:
                typer.echo(f"bench-systems: {run.preset.name} will not run: {run.problem}", err=True)
        return
    outcomes: list[Outcome] = []
    try:
        run_all(runs, outcomes, keep_going=keep_going)
    finally:
        if outcomes:
            _tell(Comparison(outcomes, runs[0].study, beside), out)
    if any(outcome.error for outcome in outcomes):
        raise typer.Exit(1)


def default_presets() -> list[str]:
    """The presets that have published figures, and chance where there is such a preset."""
    names = preset_names()
    return [name for name in names if read_preset(name).published] + [name for name in names if name == CHANCE]


def planned(names: Sequence[str], study: str, added: Sequence[str], params_file: Path = PARAMS_FILE) -> list[Run]:
    """What will run, in order, each preset once.

    Parameters
    ----------
    names : sequence of str
    study : str
        A preset put in front of each; empty for none.
    added : sequence of str
        Presets put behind each. Where several set the same parameter, the last one counts.
    params_file : Path

    Raises
    ------
    InputError
        If a preset does not exist, sets a parameter that does not exist, or changes the study that others have.
    """
    params = read_params(params_file)
    runs = [_planned(name, study, added, params, params_file) for name in dict.fromkeys(names)]
    for run in runs:
        if run.study != runs[0].study:
            raise InputError(
                f"presets {runs[0].preset.name!r} and {run.preset.name!r} are on different studies "
                f"({runs[0].study}, {run.study}); one table is on one study: name it by --study"
            )
    return runs


def run_all(runs: Sequence[Run], outcomes: list[Outcome], *, keep_going: bool) -> None:
    """Run them one after the other and append what becomes of each to `outcomes`.

    Raises
    ------
    InputError
        If the workspace is not as it must be, a signal asks to stop, or one fails and `keep_going` is false.
    """
    dvc = find_dvc()
    workspace = open_workspace()
    check_committed(workspace)
    check_outputs(dvc)
    with noted_signals() as stop:
        try:
            for number, run in enumerate(runs, start=1):
                check_committed(workspace)
                typer.echo(f"bench-systems: {run.preset.name} ({number} of {len(runs)}) is {run.name}", err=True)
                outcome = _outcome(run, dvc, workspace, stop)
                _check_to_go_on(outcome, outcomes, stop, rest=runs[number:], keep_going=keep_going)
        finally:
            restore_outputs(dvc)


def _planned(name: str, study: str, added: Sequence[str], params: dict[str, Any], params_file: Path) -> Run:
    chosen = read_preset(name)
    parts = [*([read_preset(study)] if study else []), chosen, *map(read_preset, added)]
    values = {key: value for part in parts for key, value in part.values.items()}
    resolved = with_values(params, values, where=str(params_file))
    options = as_options(Preset(name, chosen.why, chosen.source, values)).split()
    study_name = str(resolved["study"]["name"])
    words = "-".join(["bench", study_name, name, *added])
    return Run(chosen, options, study_name, re.sub(r"[^\w-]+", "-", words), _problem(resolved))


def _problem(params: dict[str, Any]) -> str:
    """What is wrong with values, without a look at data and weights: it would show hours later."""
    sections = [found for found in check_sections(params) if not found.good]
    others = [] if sections else [*check_consistency(params), *check_models_are_real(params)]
    return next((found.say for found in [*sections, *others] if not found.good), "")


def _outcome(run: Run, dvc: Path, workspace: Workspace, stop: Stop) -> Outcome:
    """Run one and restore the workspace."""
    if run.problem:
        return Outcome(run.preset.name, run.preset.published, error=run.problem)
    try:
        name, report = run_experiment(dvc, run.options, run.name, workspace, stop)
        return Outcome(run.preset.name, run.preset.published, experiment=name, report=report)
    except InputError as error:
        return Outcome(run.preset.name, run.preset.published, error=str(error))
    finally:
        restore_files(workspace)


def _check_to_go_on(
    outcome: Outcome, outcomes: list[Outcome], stop: Stop, *, rest: Sequence[Run], keep_going: bool
) -> None:
    left = f"; not run: {listed(run.preset.name for run in rest)}" if rest else ""
    if stop.signal:
        raise InputError(
            f"stopped by {stop.signal} in preset {outcome.system!r}{left}; the workspace is as it was, and the same "
            "command goes on from DVC's cache"
        )
    outcomes.append(outcome)
    if outcome.error and not keep_going:
        raise InputError(f"preset {outcome.system!r} failed{left}: {outcome.error}")


def _tell(comparison: Comparison, out: Path | None) -> None:
    from pipeline_lib.retrieval.table import print_table

    print_table(render(comparison))
    for line in notes(comparison):
        typer.echo(line)
    if out:
        write_rows(comparison, out)
        typer.echo(f"written: {out}")
