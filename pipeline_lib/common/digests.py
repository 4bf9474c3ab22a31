"""Digests of files, by which it is seen that they are others now."""

import hashlib
from collections.abc import Sequence
from pathlib import Path


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_if_there(path: Path) -> str:
    """The same, and an empty text for a file that is not there."""
    return file_digest(path) if path.is_file() else ""


def digest_of_files(files: Sequence[Path]) -> str:
    """SHA-256, in hexadecimal, of a file, or of the digests of several."""
    digests = [file_digest(path) for path in files]
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()
