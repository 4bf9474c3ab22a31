"""What the report is made of, read when it is needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from numpy import ndarray

from pipeline_lib.captioning.table import CaptionTable, read_captions
from pipeline_lib.common.errors import InputError
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.reporting.params import ReportParams
from pipeline_lib.stimuli.images import load_image
from pipeline_lib.stimuli.params import VseParams

NOTES = "analysis/notes.csv"
# Names, whatever they look like: a concept may be called 1, or None. All other columns are numbers.
TEXTS = (
    *("run", "protocol", "subject", "gallery", "direction", "kind", "region", "concept", "found", "system", "category"),
    *("image_id", "ch_name", "space", "stage", "compared_with", "modality", "found_1", "found_2", "found_3", "found_4"),
    "found_5",
)


@dataclass(frozen=True)
class Materials:
    """Files and settings.

    Attributes
    ----------
    metrics : Path
        The folder of ``retrieval.json``, ``plots`` and ``analysis``.
    epochs : Path
        The folder of the quality files.
    images : Path
        The folder of the image files.
    captions_file : Path
    stimuli : StimulusTable
    subjects : sequence of str
        Whose recordings are used.
    settings : mapping
        The whole of params.yaml.
    report : ReportParams
    vse : VseParams
    """

    metrics: Path
    epochs: Path
    images: Path
    captions_file: Path
    stimuli: StimulusTable
    subjects: Sequence[str]
    settings: Mapping[str, Any]
    report: ReportParams
    vse: VseParams

    def table(self, name: str) -> pd.DataFrame:
        """A csv below the metrics (``plots/n_way.csv``); texts stay texts, and only empty cells are missing values.

        Raises
        ------
        InputError
            If it is missing or no table.
        """
        path = self.metrics / name
        try:
            table = pd.read_csv(path, dtype=dict.fromkeys(TEXTS, str), keep_default_na=False, na_values=[""])
        except FileNotFoundError:
            raise InputError(f"{path}: no such table; 'dvc repro' makes it") from None
        except (ValueError, OSError) as error:
            raise InputError(f"{path}: is no table ({error}); remove it and run 'dvc repro'") from None
        texts = [column for column in TEXTS if column in table]
        return table.assign(**{column: table[column].fillna("") for column in texts})

    def notes(self, name: str) -> list[str]:
        """What an analysis says in place of its table, each reason once; nothing where no analysis says anything."""
        if not (self.metrics / NOTES).exists():
            return []
        notes = self.table(NOTES)
        return list(dict.fromkeys(notes.loc[notes["analysis"] == Path(name).stem, "note"].astype(str)))

    @cached_property
    def captions(self) -> CaptionTable:
        """The caption table; without rows where there are none."""
        return read_captions(self.captions_file)

    def picture(self, image_id: str, size: int) -> ndarray | None:
        """An image of the study, uint8 of shape (size, size, 3); None where the file cannot be read."""
        try:
            return load_image(self.images / self._files[image_id], size)
        except (InputError, KeyError):
            return None

    @cached_property
    def _files(self) -> dict[str, str]:
        frame = self.stimuli.frame
        return dict(zip(frame["image_id"], frame["file"], strict=True))
