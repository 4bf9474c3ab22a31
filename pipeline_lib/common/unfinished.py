"""Parts of an unfinished output, kept beside it until it is written.

DVC deletes a stage's outs before the stage runs, so nothing to resume from can lie in them. ``data/captions.csv`` has
``data/.captions.csv.unfinished.captions/<fingerprint>/``: a file per part, named by the checksum of the fingerprint and
its content, and put in place when it is whole. A process that is killed loses what it is at. A file that is not what
its name says, as after a power cut, is dropped. Several processes, also on several machines, write to the same folder.
Git and DVC ignore its name.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from pipeline_lib.common.notices import notice
from pipeline_lib.common.space import space_needed

LENGTH = 16
CARD = "made_of.json"
SUFFIX = ".part"


class Unfinished:
    """The finished parts of one output; its subclasses say what is in them.

    Parameters
    ----------
    out : Path
        The output that is to be written.
    made_of : mapping
        What the parts depend on, beside what stands in them; the fingerprint is a digest of it.

    Attributes
    ----------
    what : str
        What the parts are, in one word (``"captions"``).
    folder : Path
        Where they are.
    """

    what: ClassVar[str]

    def __init__(self, out: Path, made_of: Mapping[str, Any]) -> None:
        self._made_of = json.dumps(dict(made_of), sort_keys=True)
        self._key = hashlib.sha256(self._made_of.encode()).hexdigest()[:LENGTH]
        self.folder = out.with_name(f".{out.name}.unfinished.{self.what}") / self._key

    def whole_parts(self) -> Iterator[tuple[str, bytes]]:
        """Name and content of all whole parts of earlier starts; that there are some of another making is only said."""
        self._tell_of_others()
        damaged = 0
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            content = path.read_bytes()
            if path.name == self._name(content):
                yield path.name, content
            else:
                path.unlink()
                damaged += 1
        if damaged:
            notice(f"{self.folder}: {damaged} damaged parts are dropped, their {self.what} are made again")

    def keep(self, content: bytes) -> str:
        """Keep one part, whole or not at all; gives its name.

        Raises
        ------
        InputError
            If the disk is full.
        """
        path = self.folder / self._name(content)
        with space_needed(self.folder, f"make room and start again: the {self.what} made so far are kept"):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / CARD).write_text(self._made_of + "\n", encoding="utf-8")
            unfinished = path.with_suffix(f".{os.getpid()}")
            try:
                unfinished.write_bytes(content)
                os.replace(unfinished, path)
            finally:
                unfinished.unlink(missing_ok=True)
        return path.name

    def content_of(self, name: str) -> bytes:
        """The content of a part."""
        return (self.folder / name).read_bytes()

    def discard(self) -> None:
        """Remove these parts, and the folder where nothing else is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.parent.is_dir() and not any(self.folder.parent.iterdir()):
            self.folder.parent.rmdir()

    def _name(self, content: bytes) -> str:
        return hashlib.sha256(self._key.encode() + b"\n" + content).hexdigest() + SUFFIX

    def _tell_of_others(self) -> None:
        for other in sorted(self.folder.parent.glob("*")):
            if other.is_dir() and other != self.folder:
                another = f"unfinished {self.what} of another {self._difference(other)}"
                notice(f"{other}: {another}; ignored, delete it if unwanted")

    def _difference(self, other: Path) -> str:
        try:
            theirs, ours = json.loads((other / CARD).read_bytes()), json.loads(self._made_of)
            return " and ".join(name for name in ours if theirs.get(name) != ours[name]) or "run"
        except (OSError, ValueError, AttributeError):
            return "run"
