"""Epochs stores of an earlier version."""

import zipfile
from pathlib import Path


def without_fitted(path: Path, older: Path) -> Path:
    """The store as an earlier version wrote it."""
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(older, "w") as without:
        for name in whole.namelist():
            if not name.startswith("fitted/"):
                without.writestr(name, whole.read(name).replace(b'"ch_types"', b'"unknown"'))
    return older
