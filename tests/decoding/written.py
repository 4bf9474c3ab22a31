"""The small study's recordings, written in other ways."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mne
import numpy as np
import pandas as pd

from tests.decoding.small_study import CHANNELS, SFREQ, TARGET, Study


def write_array(study: Study, session: int, folder: Path, keep: Sequence[str | int], **changes: Any) -> Path:
    """The test recording with these channels (the trigger channel is kept), below a folder of the same names."""
    content = study.content(session)
    names = content["ch_names"]
    rows = [names.index(name) if isinstance(name, str) else name for name in keep]
    rows = rows if names.index("stim") in rows else [*rows, names.index("stim")]
    parts = {key: [content[key][row] for row in rows] for key in ("ch_names", "ch_types")}
    data = np.asarray(content["raw_eeg_data"])[rows]
    path = folder / "sub-01" / f"ses-{session:02d}" / "raw_eeg_test.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, content | parts | {"raw_eeg_data": data} | changes)
    return path


def raw_of(study: Study, session: int) -> mne.io.RawArray:
    """The test recording as MNE has it."""
    content = study.content(session)
    info = mne.create_info(content["ch_names"], SFREQ, content["ch_types"])
    return mne.io.RawArray(content["raw_eeg_data"], info, verbose="error")


def events_of(study: Study, session: int) -> pd.DataFrame:
    """Onset in seconds, and event code."""
    stim = study.content(session)["raw_eeg_data"][-1]
    onsets = np.flatnonzero(stim)
    events = pd.DataFrame({"onset": onsets / SFREQ, "event_code": stim[onsets].astype(int)})
    return events[events["event_code"] != TARGET].reset_index(drop=True)


def save_raw(raw: mne.io.BaseRaw, path: Path) -> Path:
    """As FIF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    raw.save(path, overwrite=True, verbose="error")
    return path


def meg_raw(n_samples: int = 4000) -> mne.io.RawArray:
    """Noise of magnetometers that have the names of the EEG channels."""
    info = mne.create_info(CHANNELS, SFREQ, "mag")
    return mne.io.RawArray(
        np.random.default_rng(0).normal(size=(len(CHANNELS), n_samples)) * 1e-13, info, verbose="error"
    )
