"""What will be fetched, to where, and what of it is there already: told before anything is."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline_lib.common.errors import InputError, did_you_mean, listed
from pipeline_lib.fetching.archives import SUFFIXES
from pipeline_lib.fetching.downloads import part_file
from pipeline_lib.fetching.ledger import Ledger
from pipeline_lib.fetching.listings import list_files
from pipeline_lib.fetching.remote import RemoteFile, safe_path
from pipeline_lib.fetching.sources import Sources
from pipeline_lib.fetching.space import size_text
from pipeline_lib.fetching.studies import Part, Study
from pipeline_lib.fetching.web import Web

SCRATCH = ".fetch"
LEDGER = "ledger.jsonl"

State = Literal["new", "other", "unchecked", "there"]


@dataclass(frozen=True)
class Wanted:
    """A file to be fetched.

    Attributes
    ----------
    remote : RemoteFile
        On the host.
    part : Part
        What it belongs to.
    target : Path
        Its place, or the folder that the archive's folder becomes.
    subject : str
        Whose it is; empty for what belongs to all.
    state : str
        ``new``; ``other`` where something else stands and will be replaced; ``unchecked`` where a file of the same
        size stands; ``there``.
    """

    remote: RemoteFile
    part: Part
    target: Path
    subject: str
    state: State

    @property
    def is_archive(self) -> bool:
        """Whether it is unpacked."""
        return _is_archive(self.part, self.remote)


@dataclass(frozen=True)
class Plan:
    """What a command will fetch.

    Attributes
    ----------
    study : Study
        Of which.
    parts : tuple of Part
        Of these parts.
    out : Path
        Into this folder.
    wanted : list of Wanted
        All files that belong there.
    """

    study: Study
    parts: tuple[Part, ...]
    out: Path
    wanted: list[Wanted]

    @property
    def scratch(self) -> Path:
        """The folder of parts and of the ledger."""
        return self.out / SCRATCH

    @property
    def left(self) -> list[Wanted]:
        """What is not there, as far as that is known without reading it."""
        return [one for one in self.wanted if one.state in ("new", "other")]

    @property
    def is_done(self) -> bool:
        """Whether all is there, and was checked."""
        return all(one.state == "there" for one in self.wanted)

    @property
    def bytes_left(self) -> int:
        """Bytes to be downloaded, of files whose size the host tells."""
        return sum(max(0, (one.remote.size or 0) - _gathered(one, self.scratch)) for one in self.left)

    @property
    def bytes_needed(self) -> int:
        """Space for them, and for the largest archive and its contents at once, which are no smaller."""
        archives = [one.remote.size or 0 for one in self.left if one.is_archive]
        return self.bytes_left + max(archives, default=0)

    def told(self) -> Iterator[str]:
        """Size, licence and origin of everything, line by line."""
        yield f"{self.study.name}: {self.study.title}"
        for part in self.parts:
            yield from _part_told(part, [one for one in self.wanted if one.part is part])
        yield f"  into {self.out}"
        yield f"  to download: {files_text(one.remote for one in self.left)}" + self._there()
        if replaced := [one.target for one in self.left if one.state == "other"]:
            yield f"  replaced, since the host's differ: {listed(replaced)}"
        if unsure := [one for one in self.left if not one.remote.checksum]:
            names = listed(one.remote.path for one in unsure)
            yield f"  checked by size alone, since the host gives no checksum: {names}"
        for part in self.study.parts:
            if part not in self.parts:
                yield f"  not asked for: --parts {part.name} ({part.page}; licence: {part.licence})"
        for words in self.study.elsewhere:
            yield f"  to be had elsewhere: {words}"

    def _there(self) -> str:
        there = len(self.wanted) - len(self.left)
        return f"; {there} are there already" if there else ""


def make_plan(study: Study, parts: tuple[Part, ...], subjects: str, out: Path, web: Web, sources: Sources) -> Plan:
    """Ask the hosts what they have, and compare with what is there.

    Parameters
    ----------
    study : Study
        Which.
    parts : tuple of Part
        Of it.
    subjects : str
        Their names with commas between; empty for all.
    out : Path
        The folder.
    web : Web
        Asks.
    sources : Sources
        Base addresses.

    Raises
    ------
    InputError
        If a host does not answer, has no files of a part, or has no such subject; or if something stands in the place
        of an archive's folder that was not put there by this command.
    """
    found = _found(parts, web, sources)
    chosen = _chosen_subjects(subjects, found, study)
    ledger = Ledger(out / SCRATCH / LEDGER, out)
    wanted: dict[Path, Wanted] = {}
    for part, remote, subject in found:
        target = out / _place(part, remote, subject)
        if target not in wanted and (not subject or subject in chosen):
            wanted[target] = Wanted(remote, part, target, subject, _state(part, remote, target, ledger))
    return Plan(study, parts, out, list(wanted.values()))


def files_text(remotes: Iterable[RemoteFile]) -> str:
    """Number and size of some files: ``"3 files, 1.2 GB"``."""
    files = list(remotes)
    unknown = sum(remote.size is None for remote in files)
    size = size_text(sum(remote.size or 0 for remote in files))
    more = f" and {unknown} of unknown size" if unknown else ""
    return f"{len(files)} file{'s' * (len(files) != 1)}, {size}{more}"


def matching(part: Part, files: Iterable[RemoteFile]) -> Iterator[tuple[RemoteFile, str]]:
    """The files of a part, each with its subject; what macOS adds for itself is left out."""
    for remote in files:
        match = re.fullmatch(part.files, remote.path)
        if match and not remote.name.startswith("._"):
            yield remote, match.groupdict().get("subject") or ""


def _found(parts: tuple[Part, ...], web: Web, sources: Sources) -> list[tuple[Part, RemoteFile, str]]:
    listings: dict[tuple[str, str], list[RemoteFile]] = {}
    found = []
    for part in parts:
        source = (part.host, part.dataset)
        if source not in listings:
            listings[source] = list_files(*source, web, sources)
        files = [(part, remote, subject) for remote, subject in matching(part, listings[source])]
        if not files:
            raise InputError(f"{part.page}: the host lists no files of part {part.name!r}; see there what has moved")
        found += files
    return found


def _chosen_subjects(subjects: str, found: list[tuple[Part, RemoteFile, str]], study: Study) -> set[str]:
    known = sorted({subject for _, _, subject in found if subject})
    wanted = [name.strip() for name in subjects.split(",") if name.strip()]
    for name in wanted:
        if name not in known:
            there = listed(known, most=20) or "none, for the parts chosen are of no subject"
            cure = f"; {near}" if (near := did_you_mean(name, known)) else ""
            raise InputError(f"--subjects {subjects}: {study.name} has no {name!r}; subjects: {there}{cure}")
    return set(wanted or known)


def _place(part: Part, remote: RemoteFile, subject: str) -> Path:
    suffix = next((suffix for suffix in SUFFIXES if remote.name.endswith(suffix)), "")
    place = remote.name.removesuffix(suffix) if _is_archive(part, remote) else remote.name
    return Path(safe_path(part.target.format(path=remote.path, place=place, subject=subject), remote.url))


def _is_archive(part: Part, remote: RemoteFile) -> bool:
    return bool(part.holds) and remote.name.endswith(SUFFIXES)


def _state(part: Part, remote: RemoteFile, target: Path, ledger: Ledger) -> State:
    if _is_archive(part, remote):
        return _state_of_folder(part, remote, target, ledger)
    if not target.exists():
        return "new"
    if ledger.has_file(target, remote):
        return "there"
    return "unchecked" if target.is_file() and target.stat().st_size == remote.size else "other"


def _state_of_folder(part: Part, remote: RemoteFile, target: Path, ledger: Ledger) -> State:
    if ledger.has_folder(target, remote):
        return "there"
    if not target.exists():
        return "new"
    if ledger.knows(target):
        return "other"
    raise InputError(
        f"{target}: exists, and not from 'trialign fetch', which would replace it by {remote.name}; move it away, "
        f"choose another folder with --out, or leave it out with --subjects or --parts (part {part.name})"
    )


def _gathered(one: Wanted, scratch: Path) -> int:
    file = part_file(one.remote, scratch)
    return file.stat().st_size if file.exists() else 0


def _part_told(part: Part, wanted: list[Wanted]) -> Iterator[str]:
    subjects = list(dict.fromkeys(one.subject for one in wanted if one.subject))
    whose = f" of {listed(subjects, most=10)}" if subjects else ""
    yield f"  {part.name}: {files_text(one.remote for one in wanted)}{whose}"
    yield f"    from {part.page}, licence: {part.licence}"
