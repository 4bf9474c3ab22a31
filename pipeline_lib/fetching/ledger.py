"""What was fetched into a folder, so that it is neither fetched nor read through again."""

import json
from pathlib import Path
from typing import Any

from pipeline_lib.fetching.remote import RemoteFile


class Ledger:
    """One line of JSON for every file that was checked and every archive that was unpacked.

    A line that was cut short is no line; the last one about a place counts.

    Parameters
    ----------
    file : Path
        May not exist yet.
    root : Path
        Places are named relative to it.
    """

    def __init__(self, file: Path, root: Path) -> None:
        self.file, self.root = file, root
        self.entries: dict[str, dict[str, Any]] = {}
        for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
            try:
                entry = json.loads(line)
                self.entries[entry["place"]] = entry
            except (ValueError, KeyError, TypeError):
                continue

    def knows(self, place: Path) -> bool:
        """Whether something was put there before, whole or not."""
        return self._name(place) in self.entries

    def has_file(self, target: Path, remote: RemoteFile) -> bool:
        """Whether a file stands there that was checked against this version, untouched since."""
        entry = self._entry(target, remote)
        return entry is not None and target.is_file() and entry.get("stamp") == _stamp(target)

    def has_folder(self, target: Path, remote: RemoteFile) -> bool:
        """Whether the archive of this version was unpacked there, and all its files are still as large."""
        entry = self._entry(target, remote)
        sizes = (entry or {}).get("members")
        return isinstance(sizes, dict) and all(_size(target / name) == size for name, size in sizes.items())

    def add_file(self, target: Path, remote: RemoteFile) -> None:
        """Record a file that was checked."""
        self._add(target, remote, stamp=_stamp(target))

    def announce(self, target: Path, remote: RemoteFile) -> None:
        """Record that a folder is about to be put in place: should it stand there unrecorded, it is not the user's."""
        self._add(target, remote)

    def add_folder(self, target: Path, remote: RemoteFile, members: dict[str, int]) -> None:
        """Record an archive whose files are in place.

        Parameters
        ----------
        target : Path
            The folder.
        remote : RemoteFile
            The archive.
        members : dict
            Size of each file by its path below the folder.
        """
        self._add(target, remote, members=members)

    def _entry(self, place: Path, remote: RemoteFile) -> dict[str, Any] | None:
        entry = self.entries.get(self._name(place))
        return entry if entry and entry.get("version") == remote.version else None

    def _add(self, place: Path, remote: RemoteFile, **about: Any) -> None:
        entry = {"place": self._name(place), "url": remote.url, "version": remote.version, **about}
        self.entries[entry["place"]] = entry
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with open(self.file, "a", encoding="utf-8") as stream:
            stream.write("\n" + json.dumps(entry))  # a line cut short before this one stays alone

    def _name(self, place: Path) -> str:
        return place.relative_to(self.root).as_posix()


def _stamp(file: Path) -> list[int]:
    about = file.stat()
    return [about.st_size, about.st_mtime_ns]


def _size(file: Path) -> int | None:
    return file.stat().st_size if file.is_file() else None
