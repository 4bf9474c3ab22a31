"""Fetch what a plan holds."""

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pipeline_lib.common.errors import InputError
from pipeline_lib.fetching.archives import unpack
from pipeline_lib.fetching.downloads import Moved, archive_file, fetch_file
from pipeline_lib.fetching.ledger import Ledger
from pipeline_lib.fetching.plan import LEDGER, Plan, Wanted
from pipeline_lib.fetching.remote import matches
from pipeline_lib.fetching.space import check_space
from pipeline_lib.fetching.web import Web


def run_plan(plan: Plan, web: Web) -> None:
    """Download and unpack everything that is not there.

    Each file appears under its name when it is whole and checked. After an error, or when the process is killed, the
    same call continues where it stopped.

    Raises
    ------
    InputError
        If there is no room, a host does not answer or sends wrong bytes, or an archive is not fit to be unpacked.
    """
    try:
        with _alone(plan.scratch):
            for stale in plan.scratch.glob("tmp*"):  # pooch's, of a process that was killed while it compared checksums
                stale.unlink()
            check_space(plan.out, plan.bytes_needed, what=f"fetching {plan.study.name}")
            ledger = Ledger(plan.scratch / LEDGER, plan.out)
            with _bar(plan) as moved:
                for one in plan.wanted:
                    _fetch(one, plan.scratch, ledger, web, moved)
    except OSError as error:
        raise InputError(f"{plan.out}: cannot be written to: {error}; choose another folder with --out") from error


def _fetch(one: Wanted, scratch: Path, ledger: Ledger, web: Web, moved: Moved) -> None:
    if one.state == "there":
        return
    if one.is_archive:
        archive = archive_file(one.remote, scratch)
        if not matches(archive, one.remote):
            fetch_file(web, one.remote, archive, scratch, moved)
        announce = partial(ledger.announce, one.target, one.remote)
        ledger.add_folder(one.target, one.remote, unpack(archive, one.target, one.part.holds, before=announce))
        archive.unlink()
        return
    if one.state != "unchecked" or not matches(one.target, one.remote):
        fetch_file(web, one.remote, one.target, scratch, moved)
    ledger.add_file(one.target, one.remote)


@contextmanager
def _alone(scratch: Path) -> Iterator[None]:
    """Two fetches into one folder would write into each other's parts."""
    scratch.mkdir(parents=True, exist_ok=True)
    with open(scratch / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{scratch.parent}: another 'trialign fetch' is at work there; wait for it") from error
        yield


@contextmanager
def _bar(plan: Plan) -> Iterator[Moved]:
    from tqdm import tqdm

    about = {"desc": plan.study.name, "unit": "B", "unit_scale": True, "file": sys.stderr}
    with tqdm(total=plan.bytes_left or None, disable=not sys.stderr.isatty(), **about) as bar:
        yield bar.update
