"""The stimulus table: one row per image, the only thing by which trials, views, captions and features are joined."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.common.outputs import written_whole
from pipeline_lib.common.text_tables import read_text_table

COLUMNS = ("image_id", "file", "concept", "split", "event_code")
SPLITS = ("train", "test", "center")
NO_EVENT = 0

Split = Literal["train", "test", "center"]


@dataclass(frozen=True)
class StimulusTable:
    """Images of a study.

    Attributes
    ----------
    frame : DataFrame
        Columns ``image_id`` (unique), ``file`` (path below the study's image folder, posix), ``concept``, ``split``
        (``train``, ``test``, or ``center``: serves class centres only, also if it was shown) and ``event_code`` (the
        number that marks the image in a recording, unique within a split; 0 where there is none).
    """

    frame: pd.DataFrame

    def __len__(self) -> int:
        return len(self.frame)

    def of_split(self, split: Split) -> pd.DataFrame:
        """The rows of one split, in table order."""
        return self.frame[self.frame["split"] == split]

    def ids(self, split: Split) -> list[str]:
        """The image ids of one split, in table order."""
        return self.of_split(split)["image_id"].tolist()

    def concepts(self, image_ids: list[str]) -> list[str]:
        """The concept of each image id."""
        return self.frame.set_index("image_id")["concept"].loc[image_ids].tolist()


def read_stimulus_table(path: Path) -> StimulusTable:
    """Read and check a stimulus table.

    Raises
    ------
    InputError
        If the file or a column is missing, an id or an event code is doubled, or a split is unknown.
    """
    frame = read_text_table(path, COLUMNS, what="stimulus table", cure="run 'dvc repro stimuli' first")
    return checked_table(frame, where=str(path))


def checked_table(frame: pd.DataFrame, *, where: str) -> StimulusTable:
    """Check a frame with the columns of :data:`COLUMNS` and make it a table."""
    frame = frame[list(COLUMNS)].reset_index(drop=True)
    frame["event_code"] = _whole_numbers(frame["event_code"], where)
    if not len(frame):
        raise InputError(f"{where}: the stimulus table has no rows")
    if doubled := frame.loc[frame["image_id"].duplicated(), "image_id"].tolist():
        raise InputError(f"{where}: image ids stand there more than once: {listed(doubled)}")
    for split in set(frame["split"]) - set(SPLITS):
        raise bad_value("split", split, SPLITS, where=where)
    shown = frame[frame["event_code"] != NO_EVENT]
    if doubled := shown.loc[shown.duplicated(["split", "event_code"]), "image_id"].tolist():
        raise InputError(f"{where}: event codes stand for more than one image: {listed(doubled)}")
    return StimulusTable(frame)


def write_stimulus_table(table: StimulusTable, path: Path) -> None:
    """Write the table as csv, whole or not at all."""
    with written_whole(path) as unfinished:
        table.frame.to_csv(unfinished, index=False, lineterminator="\n")


def _whole_numbers(column: pd.Series, where: str) -> pd.Series:
    try:
        return column.astype(int)
    except ValueError as error:
        raise InputError(f"{where}: event_code must be whole numbers: {error}") from None
