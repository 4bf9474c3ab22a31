"""Unpack archives of others: whole or not at all, and never outside the folder they belong to."""

import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.common.outputs import written_whole
from pipeline_lib.fetching.remote import safe_path
from pipeline_lib.fetching.space import check_space

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
CHUNK = 1 << 20
DAMAGE = (  # what the readers of archives raise on bytes of others
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError, ValueError,
    ArithmeticError, LookupError,
)  # fmt: skip


@dataclass(frozen=True)
class Member:
    """A file in an archive.

    Attributes
    ----------
    path : PurePosixPath
        Below the folder it is unpacked to.
    size : int
        Bytes, as the archive declares.
    open : callable
        Gives the stream of its bytes.
    """

    path: PurePosixPath
    size: int
    open: Callable[[], IO[bytes]]


def unpack(archive: Path, target: Path, holds: Sequence[str], *, before: Callable[[], None]) -> dict[str, int]:
    """Unpack one folder of an archive.

    Parameters
    ----------
    archive : Path
        A zip or tar file.
    target : Path
        The folder that the archive's folder becomes. What stands there is replaced when all is unpacked.
    holds : sequence of str
        Patterns of which one matches a name in the folder that is meant, wherever in the archive that is.
    before : callable
        Called when all is written but nothing is in place yet.

    Returns
    -------
    dict
        Size of each file by its path below `target`.

    Raises
    ------
    InputError
        If the archive is damaged, holds a member that would lie outside, a link, a device or two members of one name,
        has no such folder or several, holds other bytes than it declares, or needs more space than there is.
    """
    with _damage_named(archive), _opened(archive) as members:
        chosen = _below(_meant_folder(members, holds, archive), members)
        check_space(target, sum(member.size for member in chosen), what=f"unpacking {archive.name}")
        with written_whole(target) as unfinished:
            for member in chosen:
                _write(member, unfinished / member.path, archive)
            before()
    return {str(member.path): member.size for member in chosen}


@contextmanager
def _opened(archive: Path) -> Iterator[list[Member]]:
    """The members of an archive, checked; what systems add for themselves is left out."""
    is_zip = zipfile.is_zipfile(archive)
    with zipfile.ZipFile(archive) if is_zip else tarfile.open(archive) as opened:
        entries = list(_zip_members(opened, archive) if is_zip else _tar_members(opened, archive))
        members = [member for member in entries if not _is_clutter(member.path)]
        _check_names([member.path for member in members], archive)
        yield members


def _zip_members(opened: zipfile.ZipFile, archive: Path) -> Iterator[Member]:
    for info in opened.infolist():
        path, mode = safe_path(info.orig_filename, str(archive)), info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _refused(archive, info.filename, "is a link or a device")
        if info.flag_bits & 1:
            raise _refused(archive, info.filename, "is behind a password")
        if not info.filename.endswith(("/", "\\")):
            yield Member(path, info.file_size, lambda info=info: opened.open(info))


def _tar_members(opened: tarfile.TarFile, archive: Path) -> Iterator[Member]:
    for info in opened:
        if info.isdir() and info.name == ".":
            continue
        path = safe_path(info.name, str(archive))
        if not (info.isreg() or info.isdir()):
            raise _refused(archive, info.name, "is a link or a device")
        if info.isreg():
            yield Member(path, info.size, lambda info=info: opened.extractfile(info))
    opened.fileobj.seek(opened.offset)
    if opened.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):  # tarfile takes this for the end, too
        raise tarfile.ReadError("cut off after a member")


def _check_names(paths: list[PurePosixPath], archive: Path) -> None:
    seen: set[PurePosixPath] = set()
    for path in paths:
        if path in seen:
            raise _refused(archive, str(path), "is there twice")
        seen.add(path)
    for path in paths:
        if inside := next((parent for parent in path.parents if parent in seen), None):
            raise _refused(archive, str(inside), "is both a file and a folder")


def _meant_folder(members: list[Member], holds: Sequence[str], archive: Path) -> PurePosixPath:
    paths = {path for member in members for path in (member.path, *member.path.parents) if path.name}
    found = sorted({path.parent for path in paths if any(fnmatchcase(path.name, pattern) for pattern in holds)})
    if len(found) != 1:
        state = f"several folders ({listed(found)})" if found else "no folder"
        raise InputError(f"{archive}: {state} with {' or '.join(holds)}; expected one; nothing was unpacked")
    return found[0]


def _below(folder: PurePosixPath, members: list[Member]) -> list[Member]:
    return [
        Member(member.path.relative_to(folder), member.size, member.open)
        for member in members
        if member.path.is_relative_to(folder)
    ]


def _write(member: Member, file: Path, archive: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    left = member.size
    with member.open() as source, open(file, "xb") as out:
        while left >= 0 and (chunk := source.read(min(CHUNK, left + 1))):
            left -= len(chunk)
            out.write(chunk)
    if left:
        raise _refused(archive, str(member.path), f"has {'more' if left < 0 else 'less'} than the {member.size} bytes "
                       "that the archive declares")  # fmt: skip


@contextmanager
def _damage_named(archive: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except DAMAGE as error:
        raise InputError(f"{archive}: damaged, or no archive ({error!r}); remove it and fetch again") from error
    except OSError as error:
        raise InputError(f"{archive}: cannot be unpacked: {error}") from error


def _is_clutter(path: PurePosixPath) -> bool:
    return "__MACOSX" in path.parts or path.name.startswith("._") or path.name == ".DS_Store"


def _refused(archive: Path, name: str, why: str) -> InputError:
    return InputError(f"{archive}: {name!r} {why}; nothing was unpacked")
