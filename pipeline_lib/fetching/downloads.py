"""Download one file, continuing where an earlier attempt stopped.

pooch checks what arrives and moves it into place; its own downloader begins anew after every broken connection, which
a recording of several gigabytes never survives, so it is given another one.
"""

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_lib.common.errors import InputError
from pipeline_lib.fetching.remote import RemoteFile, matches
from pipeline_lib.fetching.web import Tries, UnansweredError, Web

if TYPE_CHECKING:
    import requests

CHUNK = 1 << 16  # what a broken connection loses at most
POOCH_KNOWS = ("md5", "sha256")

Moved = Callable[[int], None]
"""Told how many bytes were written, or, with a minus sign, thrown away."""


class ResumingDownloader:
    """Downloader for pooch that keeps what has arrived in a file beside, and asks for the rest.

    Parameters
    ----------
    web : Web
        Asks.
    remote : RemoteFile
        What is fetched.
    part : Path
        Where the bytes gather; kept when the download is given up or the process ends.
    moved : callable
        For the progress bar.
    """

    def __init__(self, web: Web, remote: RemoteFile, part: Path, moved: Moved) -> None:
        self.web, self.remote, self.part, self.moved = web, remote, part, moved

    def __call__(self, url: str, output_file: Any, pooch: Any, check_only: bool = False) -> None:
        """Fill `output_file`, as pooch asks for it."""
        self._gather(url)
        self.part.touch()  # of an empty file nothing came
        os.replace(self.part, output_file)

    def _gather(self, url: str) -> None:
        tries, most = Tries(self.web.patience, url), self._have()
        while self._have() != self.remote.size:
            try:
                self._continue(url)
                if self.remote.size is None:
                    return
                self._check_size()
            except UnansweredError as reason:
                tries.failed(reason, gained=self._have() > most)
                most = max(most, self._have())

    def _continue(self, url: str) -> None:
        """Ask for what is missing and add what comes."""
        have = self._have()
        headers = {"Range": f"bytes={have}-"} if have else {}
        if have and self.remote.etag:
            headers["If-Range"] = self.remote.etag  # a new version on the host is sent whole
        with self.web.ask(url, headers) as response:
            if response.status_code == 416 and _whole_size(response) == have and self.remote.size is None:
                return
            start = _start(response, have)
            if start is None:
                self._throw_away()
                raise UnansweredError(f"the server cannot continue at byte {have}")
            self._write(response, start)

    def _write(self, response: "requests.Response", start: int) -> None:
        if not start:
            self._throw_away()
        with open(self.part, "ab") as file:
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                self.moved(len(chunk))
                if self.remote.size is not None and file.tell() > self.remote.size:
                    return

    def _check_size(self) -> None:
        have, expected = self._have(), self.remote.size
        if have > expected:
            self._throw_away()
        if have != expected:
            sent = f"more than the {expected}" if have > expected else f"{have} of {expected}"
            raise UnansweredError(f"the server sends {sent} bytes")

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _throw_away(self) -> None:
        self.moved(-self._have())
        self.part.unlink(missing_ok=True)


def fetch_file(web: Web, remote: RemoteFile, target: Path, scratch: Path, moved: Moved = lambda _: None) -> None:
    """Download a file; it appears under its name only when it is whole.

    Parameters
    ----------
    web : Web
        Asks.
    remote : RemoteFile
        What is fetched.
    target : Path
        The file's place. What stands there is replaced.
    scratch : Path
        An existing folder on the same disk, where parts wait for the next run.
    moved : callable
        For the progress bar.

    Raises
    ------
    InputError
        If the server does not answer, or sends other bytes than its listing promises, twice.
    """
    _forget_older_versions(remote, scratch)
    for _ in range(2):
        if _fetched_whole(web, remote, target, scratch, moved):
            return
        moved(-(remote.size or 0))
    promised = remote.checksum or f"{remote.size} bytes"
    raise InputError(
        f"{remote.url}: twice the bytes that came were not those of the listing ({promised}); try again later, or get "
        f"{remote.name} from the study's page"
    )


def part_file(remote: RemoteFile, scratch: Path) -> Path:
    """Where the bytes of a file gather: another place for every version of it."""
    return scratch / f"{_key(remote)}.part"


def archive_file(remote: RemoteFile, scratch: Path) -> Path:
    """Where an archive waits to be unpacked."""
    return scratch / f"{_key(remote)}.{remote.name}"


def _fetched_whole(web: Web, remote: RemoteFile, target: Path, scratch: Path, moved: Moved) -> bool:
    import pooch

    pooch.get_logger().setLevel("WARNING")
    arrived = scratch / f"{_key(remote)}.whole"
    known = remote.checksum if remote.checksum.startswith(POOCH_KNOWS) else None
    downloader = ResumingDownloader(web, remote, part_file(remote, scratch), moved)
    try:
        pooch.retrieve(remote.url, known, fname=arrived.name, path=scratch, downloader=downloader)
    except InputError:
        raise
    except ValueError:  # pooch: another checksum
        return False
    if known is None and not matches(arrived, remote):
        arrived.unlink()
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(arrived, target)
    return True


def _forget_older_versions(remote: RemoteFile, scratch: Path) -> None:
    """Nothing will continue what was gathered of a file before it changed on the host."""
    for file in scratch.glob(f"{_short(remote.url)}-*"):
        if not file.name.startswith(f"{_key(remote)}."):
            file.unlink()


def _key(remote: RemoteFile) -> str:
    return f"{_short(remote.url)}-{_short(remote.version)}"


def _short(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def _start(response: "requests.Response", have: int) -> int | None:
    """The place in the file of the first byte of an answer; None where it is not one that was asked for."""
    if response.status_code == 200:
        return 0
    place = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return have if response.status_code == 206 and place and int(place[1]) == have else None


def _whole_size(response: "requests.Response") -> int | None:
    size = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("Content-Range", ""))
    return int(size[1]) if size else None
