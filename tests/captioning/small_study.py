"""A study of six small pictures on disk."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from pipeline_lib.common.stimulus_table import COLUMNS, StimulusTable, checked_table, write_stimulus_table

CONCEPTS = ("red star", "blue circle", 'don\'t, "quote"')


def small_table() -> StimulusTable:
    """Two images of each of three concepts; the last concept is the test set."""
    rows = []
    for code, concept in enumerate(CONCEPTS):
        split = "test" if code == len(CONCEPTS) - 1 else "train"
        for letter in "ab":
            image_id = f"{split}/{code:05d}_thing/thing_0{code}{letter}"
            rows.append((image_id, f"{image_id}.png", concept, split, str(2 * code + (letter == "b") + 1)))
    return checked_table(pd.DataFrame(rows, columns=list(COLUMNS)), where="small study")


def write_study(folder: Path) -> StimulusTable:
    """Write ``stimuli.csv`` and ``images/`` below `folder`; the pictures differ in size and in everything else."""
    table, rng = small_table(), np.random.default_rng(7)
    write_stimulus_table(table, folder / "stimuli.csv")
    for row, file in enumerate(table.frame["file"]):
        path = folder / "images" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
        cv2.imwrite(str(path), cv2.resize(coarse, (40 + row, 36), interpolation=cv2.INTER_CUBIC))
    return table
