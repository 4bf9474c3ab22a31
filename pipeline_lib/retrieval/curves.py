"""Training curves of all evaluated runs in one table, for DVC's plots."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from pipeline_lib.common.outputs import written_whole


def write_curves(folders: Iterable[Path], out: Path) -> None:
    """Join the ``history.csv`` of run folders, one row per run and epoch.

    Columns keep their names but for ``/``, which DVC's plots read as a path: ``valid/loss`` becomes ``valid_loss``.

    Parameters
    ----------
    folders : iterable of Path
        Run folders, named ``<protocol>/<subject>-seed<seed>``.
    out : Path
        The csv to write.
    """
    parts = []
    for folder in folders:
        history = pd.read_csv(folder / "history.csv")
        history.insert(0, "run", f"{folder.parent.name} {folder.name}")
        parts.append(history)
    table = pd.concat(parts, ignore_index=True)
    table.columns = [name.replace("/", "_").replace("-", "_") for name in table.columns]
    with written_whole(out) as unfinished:
        table.to_csv(unfinished, index=False, float_format="%.6g", lineterminator="\n")
