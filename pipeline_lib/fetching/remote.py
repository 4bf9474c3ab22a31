"""A file on a host, as its listing describes it."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline_lib.common.errors import InputError


@dataclass(frozen=True)
class RemoteFile:
    """What a listing says of a file.

    Attributes
    ----------
    path : str
        Where it lies in its dataset.
    url : str
        Where its bytes are.
    size : int or None
        Bytes; None where the host does not say.
    checksum : str
        ``md5:…``, ``sha256:…`` or ``git:…`` (the blob's name in git); empty where the host has none.
    etag : str
        What tells versions of the file apart where there is no checksum.
    """

    path: str
    url: str
    size: int | None
    checksum: str = ""
    etag: str = ""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name

    @property
    def version(self) -> str:
        """What changes when the host's file changes, as far as the host tells."""
        return self.checksum or self.etag or f"size:{self.size}"


def matches(file: Path, remote: RemoteFile) -> bool:
    """Whether a file has the size and checksum that the listing promises, as far as it does."""
    if not file.is_file() or (remote.size is not None and file.stat().st_size != remote.size):
        return False
    algorithm, _, expected = remote.checksum.partition(":")
    return not algorithm or _digest(file, algorithm) == expected.lower()


def safe_path(name: str, where: str) -> PurePosixPath:
    """A path from a listing or an archive, which must stay below the folder it is put in.

    Parameters
    ----------
    name : str
        With slashes; backslashes count as such, whatever system wrote them.
    where : str
        The listing or the archive, for the error.

    Raises
    ------
    InputError
        If the path is empty or absolute, has a drive letter, ``..``, a control character, or half a character.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    unprintable = any(ord(character) < 32 or "\ud800" <= character <= "\udfff" for character in name)
    if not path.parts or path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name) or unprintable:
        raise InputError(f"{where}: {name!r} leads outside the folder it would be put in; nothing was written")
    return path


def _digest(file: Path, algorithm: str) -> str:
    digest = hashlib.new("sha1" if algorithm == "git" else algorithm, usedforsecurity=False)
    if algorithm == "git":
        digest.update(f"blob {file.stat().st_size}\0".encode())
    with open(file, "rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
