"""Captions of an unfinished run, kept beside the table until that is written.

DVC deletes a stage's outs before the stage runs, so nothing to resume from can lie in them. Table ``data/captions.csv``
has ``data/.captions.csv.unfinished.caption/<fingerprint>/``: a file per process and start, to which each batch is
appended as one line, its own checksum first,

    <sha256 of fingerprint and text>  [{"image_id": ..., "image": <sha256>, "prompt": ..., "text": ..., ...}, ...]

and forced to the disk. A process that is killed loses the batch it is at. A line that is not whole, or was written for
another fingerprint, is dropped; so is a caption whose image or prompt has changed. The fingerprint names the model, its
revision, the prompt, the decoding and what it is computed with.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

from pipeline_lib.common.space import space_needed

LENGTH = 16
CARD = "made_of.json"
CHECKSUM = 64  # digits

Fingerprint = Mapping[str, Any]


@dataclass(frozen=True)
class KeptCaption:
    """One finished caption.

    Attributes
    ----------
    image_id : str
    image : str
        SHA-256 of the image file.
    prompt : str
        With the concept filled in.
    text : str
    n_tokens : int
    """

    image_id: str
    image: str
    prompt: str
    text: str
    n_tokens: int


class Scratch:
    """The finished captions of one run; a context manager around the writing of more.

    Parameters
    ----------
    out : Path
        The table that is to be written.
    made_of : mapping
        What the captions depend on, beside image and prompt.
    rank : int
        The number of this process.

    Attributes
    ----------
    folder : Path
        Where they are.
    """

    def __init__(self, out: Path, made_of: Fingerprint, rank: int = 0) -> None:
        self.made_of = json.dumps(dict(made_of), sort_keys=True)
        self.key = hashlib.sha256(self.made_of.encode()).hexdigest()[:LENGTH]
        self.folder = out.with_name(f".{out.name}.unfinished.caption") / self.key
        self.rank = rank
        self._file: BinaryIO | None = None

    def load(self) -> list[KeptCaption]:
        """All whole captions of earlier starts; that there are some of another model or prompt is only said."""
        self._tell_of_others()
        lines = [line for path in sorted(self.folder.glob("*.lines")) for line in path.read_bytes().split(b"\n")]
        parts = [self._whole(line) for line in lines if line]
        if damaged := parts.count(None):
            _say(f"{self.folder}: {damaged} damaged parts are dropped, their captions are made again")
        return [caption for part in parts if part for caption in part]

    def append(self, captions: Iterable[KeptCaption]) -> None:
        """Add one batch, on the disk when this returns.

        Raises
        ------
        InputError
            If the disk is full.
        """
        text = json.dumps([asdict(caption) for caption in captions]).encode()
        cure = "make room and start again: the captions made so far are kept and go on from there"
        with space_needed(self.folder, cure):
            file = self._file or self._opened()
            file.write(self._checksum(text) + b" " + text + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def discard(self) -> None:
        """Remove these captions, and the folder where nothing else is in it."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.parent.is_dir() and not any(self.folder.parent.iterdir()):
            self.folder.parent.rmdir()

    def close(self) -> None:
        """End the writing."""
        if self._file:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self) -> BinaryIO:
        """A file that nobody wrote to: behind a line that broke off, a new one would be lost too."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / CARD).write_text(self.made_of + "\n", encoding="utf-8")
        start = 0
        while (path := self.folder / f"{self.rank:04d}-{start:04d}.lines").exists():
            start += 1
        self._file = path.open("xb")
        return self._file

    def _whole(self, line: bytes) -> list[KeptCaption] | None:
        checksum, text = line[:CHECKSUM], line[CHECKSUM + 1 :]
        if checksum != self._checksum(text):
            return None
        return [KeptCaption(**caption) for caption in json.loads(text)]

    def _checksum(self, text: bytes) -> bytes:
        return hashlib.sha256(self.key.encode() + b"\n" + text).hexdigest().encode()

    def _tell_of_others(self) -> None:
        for other in sorted(self.folder.parent.glob("*")):
            if other.is_dir() and other != self.folder:
                _say(
                    f"{other}: unfinished captions of another {self._difference(other)}; ignored, delete it if unwanted"
                )

    def _difference(self, other: Path) -> str:
        try:
            theirs = json.loads((other / CARD).read_bytes())
            ours = json.loads(self.made_of)
            return " and ".join(name for name in ours if theirs.get(name) != ours[name]) or "run"
        except (OSError, ValueError, AttributeError):
            return "run"


def _say(line: str) -> None:
    print(f"trialign: {line}", file=sys.stderr)
