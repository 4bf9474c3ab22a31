"""Signals whose content is not there: a clone of a study without its large files holds stubs in their place."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

CURE = "get its content first: trialign fetch, datalad get or git annex get"
MISSING_FILE = "missing"
TEXT_ENDINGS = (".vhdr", ".vmrk", ".tsv", ".json")
STUB_BYTES = 1024  # pointers of git-annex and git-lfs are 100 to 300 bytes long


def signal_files(signal: Path) -> Iterator[Path]:
    """The files in which a signal lies, whether they are there or not."""
    ending = signal.suffix.lower()
    if ending == ".ds" and signal.is_dir():
        names = os.listdir(signal)
        for kind in ("res4", "meg4"):
            found = sorted(name for name in names if name.endswith(kind) and not name.startswith("."))
            yield from (signal / name for name in found or [f"{signal.stem}.{kind}"])
        return
    yield signal
    if ending == ".vhdr" and not stub_in(signal, parts=False):
        yield from _brainvision_data(signal)
    if ending == ".set" and os.path.lexists(signal.with_suffix(".fdt")):
        yield signal.with_suffix(".fdt")
    if ending == ".fif":
        yield from _further_parts(signal)


def stub_in(signal: Path, *, parts: bool = True) -> str:
    """What is wrong if the content of a signal is not there, else an empty string.

    A clone of a study without its large files holds, in their place, symbolic links that lead nowhere or text files of
    about 100 bytes.

    Parameters
    ----------
    signal : Path
        File or CTF folder.
    parts : bool
        Look at all of :func:`signal_files`. Defaults to True.
    """
    for file in signal_files(signal) if parts else [signal]:
        part = "" if file == signal else f"{file.name} is "
        if not os.path.lexists(file):
            return f"{part}{MISSING_FILE}"
        if not file.exists():
            return f"{part}a link to content that was not fetched, a stub"
        if file.is_file() and _is_pointer(file):
            return f"{part}a text stub in place of the signal"
    return ""


def _brainvision_data(header: Path) -> Iterator[Path]:
    text = header.read_text(encoding="utf-8", errors="replace")
    for name in re.findall(r"(?im)^\s*(?:DataFile|MarkerFile)\s*=\s*(\S.*?)\s*$", text):
        yield header.parent / name.replace("$b", header.stem)


def _further_parts(first: Path) -> list[Path]:
    names = sorted(name for name in os.listdir(first.parent) if not name.startswith(".") and name != first.name)
    pattern = re.escape(first.stem) + r"-\d+"
    if "_split-" in first.stem:
        pattern = r"_split-\d+".join(re.escape(part) for part in re.split(r"_split-\d+", first.stem))
    return [first.with_name(name) for name in names if re.fullmatch(pattern + r"\.fif", name)]


def _is_pointer(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            start = stream.read(STUB_BYTES)
    except OSError:  # whoever reads the file says why it cannot be read
        return False
    if b"annex/objects/" in start or start.startswith(b"version https://git-lfs"):
        return True
    is_text = file.suffix.lower() in TEXT_ENDINGS
    return not is_text and 0 < len(start) < 256 and start.isascii() and start.decode().strip().isprintable()
