"""Zarr stores as one file each, byte for byte the same for the same content.

A directory store is thousands of small files, which DVC handles slowly; zarr's own zip writer stamps the time of day.
So: write a directory store, then pack it sorted, uncompressed, with a fixed date.
"""

import zipfile
from pathlib import Path

import zarr
from zarr.storage import ZipStore

from pipeline_lib.common.errors import InputError

FIXED_DATE = (1980, 1, 1, 0, 0, 0)


def pack_zarr(folder: Path, target: Path) -> None:
    """Pack the directory store `folder` into the zip file `target`."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for path in sorted(p for p in Path(folder).rglob("*") if p.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), FIXED_DATE)
            entry.file_size = path.stat().st_size
            with path.open("rb") as source, archive.open(entry, "w") as packed:
                while block := source.read(1 << 22):
                    packed.write(block)


def open_zarr_zip(path: Path) -> zarr.Group:
    """Open a packed store for reading.

    Raises
    ------
    InputError
        If the file is missing or is no whole zip file.
    """
    if not Path(path).exists():
        raise InputError(f"{path}: no such file; run 'dvc repro' to make it")
    try:
        return zarr.open_group(ZipStore(path, mode="r"), mode="r")
    except (zipfile.BadZipFile, FileNotFoundError, KeyError) as error:
        raise InputError(f"{path}: not a whole zarr store ({error}); delete it and run 'dvc repro' again") from None
