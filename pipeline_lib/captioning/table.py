"""The caption table: what is said about each image, keyed by image id. Captions are data: any text survives."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.joins import rows_of
from pipeline_lib.common.outputs import written_whole
from pipeline_lib.common.text_tables import read_text_table

COLUMNS = ("image_id", "source", "model", "revision", "prompt", "text", "n_tokens")


@dataclass(frozen=True)
class CaptionTable:
    """Captions of images.

    Attributes
    ----------
    frame : DataFrame
        Columns ``image_id``, ``source`` (as in params.yaml), ``model`` (its name on the hub, or that of its folder or
        the user's file; empty for labels), ``revision`` (the hub's commit or a digest of the folder; empty where no
        model was asked), ``prompt`` (as the model was asked, or the label's wording), ``text`` (without the prompt)
        and ``n_tokens`` (how many tokens the model wrote; 0 where no model was asked).
    where : str
        What to call the table in errors.
    """

    frame: pd.DataFrame
    where: str = "the captions"

    def __len__(self) -> int:
        return len(self.frame)

    def texts(self, image_ids: Sequence[str]) -> list[str]:
        """The caption of each image id.

        Raises
        ------
        InputError
            If an image has no caption, or more than one.
        """
        rows = rows_of(image_ids, self.frame["image_id"].tolist(), what=self.where)
        return self.frame["text"].iloc[rows].tolist()


def caption_table(
    image_ids: Sequence[str],
    texts: Sequence[str],
    *,
    source: str,
    model: str = "",
    revision: str = "",
    prompts: Sequence[str] | str = "",
    n_tokens: Sequence[int] | int = 0,
) -> CaptionTable:
    """Put captions into a table; a single prompt or token count stands for all rows."""
    columns = {
        "image_id": list(image_ids),
        "source": source,
        "model": model,
        "revision": revision,
        "prompt": prompts,
        "text": list(texts),
        "n_tokens": n_tokens,
    }
    return CaptionTable(pd.DataFrame(columns, columns=list(COLUMNS)))


def write_captions(table: CaptionTable, path: Path) -> None:
    """Write the table as csv, whole or not at all. Every text is quoted, so line breaks of any kind stay inside."""
    with written_whole(path) as unfinished:
        table.frame.to_csv(unfinished, index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)


def read_captions(path: Path) -> CaptionTable:
    """Read a table that :func:`write_captions` wrote.

    Raises
    ------
    InputError
        If the file or a column is missing, or token counts are no whole numbers.
    """
    frame = read_text_table(path, COLUMNS, what="caption table", cure="run 'dvc repro caption' first")[list(COLUMNS)]
    try:
        frame = frame.astype({"n_tokens": int})
    except ValueError as error:
        raise InputError(f"{path}: n_tokens must be whole numbers: {error}") from None
    return CaptionTable(frame, where=str(path))
