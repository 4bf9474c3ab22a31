"""Features of an unfinished run, kept beside the bank until that is written.

DVC deletes a stage's outs before the stage runs, so nothing to resume from can lie in them. Bank
``data/features/slip.h5`` has ``data/features/.slip.h5.unfinished.features/<fingerprint>/``: a file per batch,

    {"kind": "image", "items": [image ids], "digests": [...]}     in one line of JSON
    the features by dataset                                       in the safetensors format

that is named by the checksum of the fingerprint and its content. A process that is killed loses the batch it is at. A
file that is not what its name says is dropped; so are the features of an image that has changed. The fingerprint names
the model, the views and layers, and what they are computed with. Several processes, also on several machines, write
to the same folder.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from safetensors.numpy import load, save

from pipeline_lib.common.space import space_needed

LENGTH = 16
CARD = "made_of.json"
SUFFIX = ".part"

Kind = Literal["image", "text"]


@dataclass(frozen=True)
class Part:
    """One finished batch.

    Attributes
    ----------
    name : str
        Of its file.
    kind : {"image", "text"}
    items : tuple of str
        Image ids or texts, by row.
    digests : tuple of str
        Of what each image was; empty for texts, which are what they are.
    """

    name: str
    kind: Kind
    items: tuple[str, ...]
    digests: tuple[str, ...]


class Parts:
    """The finished batches of one run.

    Parameters
    ----------
    out : Path
        The bank that is to be written.
    made_of : mapping
        What the features depend on, beside image and text.

    Attributes
    ----------
    folder : Path
        Where they are.
    """

    def __init__(self, out: Path, made_of: Mapping[str, Any]) -> None:
        self._made_of = json.dumps(dict(made_of), sort_keys=True)
        self._key = hashlib.sha256(self._made_of.encode()).hexdigest()[:LENGTH]
        self.folder = out.with_name(f".{out.name}.unfinished.features") / self._key

    def load(self) -> list[Part]:
        """All whole batches of earlier starts; that there are some of other parameters is only said."""
        self._tell_of_others()
        found = [self._whole(path) for path in sorted(self.folder.glob(f"*{SUFFIX}"))]
        if damaged := found.count(None):
            _say(f"{self.folder}: {damaged} damaged parts are dropped, their features are made again")
        return [part for part in found if part]

    def append(
        self, kind: Kind, items: Sequence[str], digests: Sequence[str], features: Mapping[str, np.ndarray]
    ) -> Part:
        """Keep one batch; its file is whole when this returns.

        Parameters
        ----------
        kind : {"image", "text"}
        items, digests : sequence of str
            As :class:`Part` has them.
        features : mapping of str to ndarray, shape (n_items, dim)
            By dataset.

        Raises
        ------
        InputError
            If the disk is full.
        """
        header = json.dumps({"kind": kind, "items": list(items), "digests": list(digests)})
        tensors = {name: np.ascontiguousarray(values) for name, values in features.items()}
        content = header.encode() + b"\n" + save(tensors)
        path = self.folder / f"{self._checksum(content)}{SUFFIX}"
        with space_needed(self.folder, "make room and start again: the features made so far are kept"):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / CARD).write_text(self._made_of + "\n", encoding="utf-8")
            unfinished = path.with_suffix(f".{os.getpid()}")
            try:
                unfinished.write_bytes(content)
                os.replace(unfinished, path)
            finally:
                unfinished.unlink(missing_ok=True)
        return Part(path.name, kind, tuple(items), tuple(digests))

    def read(self, name: str) -> dict[str, np.ndarray]:
        """The features of a part, by dataset."""
        return load((self.folder / name).read_bytes().split(b"\n", 1)[1])

    def discard(self) -> None:
        """Remove these features, and the folder where nothing else is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.parent.is_dir() and not any(self.folder.parent.iterdir()):
            self.folder.parent.rmdir()

    def _whole(self, path: Path) -> Part | None:
        content = path.read_bytes()
        if path.name != f"{self._checksum(content)}{SUFFIX}":
            path.unlink()
            return None
        header = json.loads(content.split(b"\n", 1)[0])
        return Part(path.name, header["kind"], tuple(header["items"]), tuple(header["digests"]))

    def _checksum(self, content: bytes) -> str:
        return hashlib.sha256(self._key.encode() + b"\n" + content).hexdigest()

    def _tell_of_others(self) -> None:
        for other in sorted(self.folder.parent.glob("*")):
            if other.is_dir() and other != self.folder:
                _say(
                    f"{other}: unfinished features of another {self._difference(other)}; ignored, delete it if unwanted"
                )

    def _difference(self, other: Path) -> str:
        try:
            theirs, ours = json.loads((other / CARD).read_bytes()), json.loads(self._made_of)
            return " and ".join(name for name in ours if theirs.get(name) != ours[name]) or "run"
        except (OSError, ValueError, AttributeError):
            return "run"


def _say(line: str) -> None:
    print(f"trialign: {line}", file=sys.stderr)
