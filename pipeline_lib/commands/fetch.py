"""Command `trialign fetch`: public data, in the layout that `study.layout` expects.

trialign fetch things-eeg2 --subjects sub-01
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer

from pipeline_lib.common.errors import InputError
from pipeline_lib.fetching.listings import list_files
from pipeline_lib.fetching.plan import Plan, files_text, make_plan, matching
from pipeline_lib.fetching.remote import RemoteFile
from pipeline_lib.fetching.run import run_plan
from pipeline_lib.fetching.sources import Patience, Sources
from pipeline_lib.fetching.studies import STUDIES, Part, Study, choose_parts, find_study
from pipeline_lib.fetching.web import Web

SOURCES = Sources()
PATIENCE = Patience()
ONCE = Patience(attempts=1, timeout=10)


def fetch(
    study: Annotated[str, typer.Argument(help="Which; without it, tell what there is.", show_default=False)] = "",
    *,
    subjects: Annotated[str, typer.Option(help="Their names with commas between; all by default.")] = "",
    out: Annotated[Path | None, typer.Option(help="Folder; data/raw/STUDY by default.", show_default=False)] = None,
    parts: Annotated[str, typer.Option(help="Which, with commas between; without it, those for everyone.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Agree to size and licence without being asked.")] = False,
) -> None:
    """Download a public study into the layout that study.layout expects.

    Size and licence are told first. A download that breaks is continued by the same command. What the licence does
    not let everyone download is fetched only when --parts names it, or told with the page where to get it.
    """
    if not study:
        _tell_studies()
        return
    found = find_study(study)
    web = Web(PATIENCE)
    plan = make_plan(found, choose_parts(found, parts), subjects, out or Path("data/raw") / study, web, SOURCES)
    for line in plan.told():
        typer.echo(line)
    if not plan.is_done:
        _agree(yes)
    try:
        run_plan(plan, web)
    except KeyboardInterrupt:
        raise InputError("stopped; the same command continues where it stopped") from None
    _tell_settings(plan)


def _agree(yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError("nothing was downloaded: agree to size and licence with --yes")
    if not typer.confirm("Download under these licences?", err=True):
        raise InputError("nothing was downloaded")


def _tell_settings(plan: Plan) -> None:
    typer.echo(f"fetch: {files_text(one.remote for one in plan.wanted)} in {plan.out}; for params.yaml:")
    recordings = [one for one in plan.wanted if one.subject]
    if recordings:
        typer.echo(f"  subjects: [{', '.join(dict.fromkeys(one.subject for one in recordings))}]")
    places = {"images": plan.study.images, "stimuli": plan.study.stimuli}
    settings = {"layout": plan.study.layout, "root": plan.out / (recordings[0].part.folder if recordings else "")}
    for name, value in {**settings, **{name: plan.out / folder for name, folder in places.items() if folder}}.items():
        typer.echo(f"  study.{name}: {value}")


def _tell_studies() -> None:
    """Name, size, licence and origin of every part of every study."""
    web = Web(ONCE)
    datasets = list({(part.host, part.dataset): None for study in STUDIES.values() for part in study.parts})
    with ThreadPoolExecutor(len(datasets)) as pool:
        sizes = dict(zip(datasets, pool.map(lambda dataset: _listing(dataset, web), datasets), strict=True))
    for study in STUDIES.values():
        typer.echo(f"{study.name}: {study.title}")
        for part in study.parts:
            typer.echo(f"  {part.name}: {_size(part, sizes[part.host, part.dataset])}; licence: {part.licence}")
            typer.echo(f"    from {part.page}{_how(study, part)}")
        for words in study.elsewhere:
            typer.echo(f"  to be had elsewhere: {words}")


def _listing(dataset: tuple[str, str], web: Web) -> list[RemoteFile] | None:
    try:
        return list_files(*dataset, web, SOURCES)
    except InputError:
        return None


def _size(part: Part, files: list[RemoteFile] | None) -> str:
    if files is None:
        return "size unknown, since the host does not answer now"
    return files_text(remote for remote, _ in matching(part, files))


def _how(study: Study, part: Part) -> str:
    return f", when asked for: trialign fetch {study.name} --parts {part.name}" if part.asked_for else ""
