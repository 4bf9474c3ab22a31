"""Trials that are cut already: MNE's epochs files."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError
from pipeline_lib.decoding.event_tables import IMAGE_COLUMNS
from pipeline_lib.decoding.opened import CutTrials
from pipeline_lib.decoding.raw_files import brain_header, brain_info
from pipeline_lib.recordings.signals import mne_on
from pipeline_lib.recordings.things_meg_epochs import opened_epochs

if TYPE_CHECKING:
    import mne

ENDINGS = ("-epo.fif", "_epo.fif")


def open_epochs(file: Path, *, image_column: str | None) -> CutTrials:
    """Epochs that MNE saved.

    Parameters
    ----------
    file : Path
        ``...-epo.fif``; of several parts the first.
    image_column : str or None
        The metadata's column that names the image of each trial; None: the first of the usual ones that is there.
        Without it the event's code is known, or its name where that is more than the number.

    Raises
    ------
    InputError
        If the file or a part is missing or damaged, or holds no trials or no channels of EEG and MEG.
    """
    epochs = opened_epochs(file)
    header, rows = brain_header(epochs.info, file)
    words, named = _words(epochs, file, image_column)
    return CutTrials(
        file=file,
        header=header,
        n_times=len(epochs.times),
        tmin=round(float(epochs.times[0]), 6),
        read=partial(_read, epochs, rows, file),
        words=pd.DataFrame({"onset": np.arange(len(words)), "word": words}),
        named=named,
        info=brain_info(epochs.info, rows),
        bad=tuple(epochs.info["bads"]),
    )


def _words(epochs: "mne.BaseEpochs", file: Path, column: str | None) -> tuple[list[str] | np.ndarray, bool]:
    """What each trial showed, and whether that is the name of an image."""
    metadata = pd.DataFrame() if epochs.metadata is None else epochs.metadata
    if column is not None and column not in metadata:
        raise InputError(f"{file}: the epochs have no metadata column {column!r}, but: {', '.join(metadata) or 'none'}")
    if found := column or next((name for name in IMAGE_COLUMNS if name in metadata), None):
        values = metadata[found]
        if pd.api.types.is_integer_dtype(values):
            return values.to_numpy(dtype=np.int64), False
        return values.astype(str).str.strip().where(values.notna(), "").tolist(), True
    codes = epochs.events[:, 2].astype(np.int64)
    names = {code: name for name, code in epochs.event_id.items()}
    if all(str(code) == names[code].strip() for code in codes.tolist()):
        return codes, False
    return [names[code] for code in codes.tolist()], False


def _read(epochs: "mne.BaseEpochs", rows: np.ndarray, file: Path, trials: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    with mne_on(file):
        return epochs.get_data(picks=rows[wanted], item=trials, copy=False)
