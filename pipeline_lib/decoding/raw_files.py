"""Continuous recordings: whatever MNE opens, and the arrays in which THINGS-EEG2 was shared."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError
from pipeline_lib.decoding.file_events import events_of_raw
from pipeline_lib.decoding.opened import Continuous
from pipeline_lib.recordings.bids_files import SIGNAL_ENDINGS
from pipeline_lib.recordings.channels import take_rows
from pipeline_lib.recordings.recording import Header
from pipeline_lib.recordings.signals import BRAIN_TYPES, mne_on, open_raw
from pipeline_lib.recordings.things_eeg2 import run_of

if TYPE_CHECKING:
    import mne


def open_array(file: Path) -> Continuous:
    """A recording as THINGS-EEG2's authors share them (``raw_eeg_test.npy``).

    Raises
    ------
    InputError
        If the file is missing, damaged, or something else.
    """
    run = run_of(1, "test", file)  # of which partition it is changes nothing but a column that is not read
    signal = run.signal()

    def events() -> pd.DataFrame:
        found = run.events()
        return pd.DataFrame({"onset": found["onset"], "word": found["image"]})

    return Continuous(file, run.header(), signal.data.shape[1], partial(take_rows, signal.data), events)


def open_raw_file(file: Path, *, stim_channel: str | None) -> Continuous:
    """A recording through MNE.

    Parameters
    ----------
    file : Path
        A file or folder that ``mne.io.read_raw`` knows.
    stim_channel : str or None
        The trigger channel, where events are asked for; None: the usual one.

    Raises
    ------
    InputError
        If it is missing, damaged, of no known kind, or has no channels of EEG and MEG.
    """
    with mne_on(file):
        raw = open_raw(file) if file.suffix.lower() in SIGNAL_ENDINGS else _of_any_kind(file)
        header, rows = brain_header(raw.info, file)
        info = brain_info(raw.info, rows)
    return Continuous(
        file=file,
        header=header,
        n_samples=raw.n_times,
        read=partial(_read, raw, rows, file),
        events=partial(events_of_raw, raw, file, stim_channel),
        info=info,
        bad=tuple(raw.info["bads"]),
    )


def brain_header(info: "mne.Info", file: Path) -> tuple[Header, np.ndarray]:
    """The channels of EEG and MEG, and their rows among all; an InputError where there are none."""
    types = info.get_channel_types()
    rows = np.array([row for row, kind in enumerate(types) if kind in BRAIN_TYPES], dtype=np.int64)
    if not len(rows):
        raise InputError(f"{file}: has no channels of EEG or MEG, but of: {', '.join(sorted(set(types))) or 'nothing'}")
    return Header([info.ch_names[row] for row in rows], [types[row] for row in rows], float(info["sfreq"])), rows


def brain_info(info: "mne.Info", rows: np.ndarray) -> "mne.Info":
    """The part of a header that is about some channels."""
    import mne

    return mne.pick_info(info, rows, copy=True)


def _of_any_kind(file: Path) -> "mne.io.BaseRaw":
    import mne

    if not file.exists():
        raise InputError(f"{file}: no such recording")
    return mne.io.read_raw(file, preload=False)


def _read(raw: "mne.io.BaseRaw", rows: np.ndarray, file: Path, wanted: np.ndarray) -> np.ndarray:
    with mne_on(file):
        return raw.get_data(picks=rows[wanted])
