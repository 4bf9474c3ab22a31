"""Small studies in BIDS, written file by file, so that each file can be left out or damaged."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline_lib.recordings.bids_files import BidsRun

SFREQ = 100.0
ANNEX = "/annex/objects/SHA256E-s208346759--bfa86185bb8aeea45666e62af9110267cb449de5ecb316e2a3c7905096548f2c.bdf\n"


def place_of(root: Path, stem: str, datatype: str) -> Path:
    """What the files of a run have in common, its folder being made: ``sub-01_ses-01_task-x``."""
    subject, session = re.search(r"sub-[^_]+", stem), re.search(r"ses-[^_]+", stem)
    folder = root / subject[0] / (session[0] if session else "") / datatype
    folder.mkdir(parents=True, exist_ok=True)
    return folder / stem


def write_table(path: Path, table: pd.DataFrame, *, bom: bool = False, newline: str = "\n") -> Path:
    """Write a table with tabs, as whichever program."""
    text = table.to_csv(sep="\t", index=False, lineterminator=newline)
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + text.encode())
    return path


def write_bdf(path: Path, microvolts: np.ndarray, names: Sequence[str], sfreq: float = SFREQ) -> Path:
    """Write a BDF file."""
    import edfio

    signals = [
        edfio.BdfSignal(row, sfreq, label=name, physical_dimension="uV", physical_range=(-500, 500))
        for row, name in zip(microvolts, names, strict=True)
    ]
    edfio.Bdf(signals).write(path)
    return path


def write_fif(
    path: Path, data: np.ndarray, names: Sequence[str], types: Sequence[str], sfreq: float = SFREQ, **options: Any
) -> Path:
    """Write a FIF file; `first_samp` is the number of its first sample, other options are those of saving."""
    import mne

    info = mne.create_info(list(names), sfreq, list(types), verbose="error")
    raw = mne.io.RawArray(data, info, first_samp=options.pop("first_samp", 0), verbose="error")
    raw.save(path, overwrite=True, verbose="error", **options)
    return path


def noise(n_channels: int, n_samples: int = 1000, *, scale: float = 20.0, seed: int = 0) -> np.ndarray:
    """Samples of no meaning, shape (n_channels, n_samples)."""
    return np.random.default_rng(seed).normal(size=(n_channels, n_samples)) * scale


def write_eeg_run(
    root: Path, stem: str, events: pd.DataFrame, *, names: Sequence[str] = ("Oz", "Pz", "EOG1"), seed: int = 0
) -> Path:
    """A run of EEG with all its files; returns what their paths have in common."""
    base = place_of(root, stem, "eeg")
    write_table(base.with_name(f"{base.name}_events.tsv"), events)
    types = ["EOG" if name.startswith("EOG") else "EEG" for name in names]
    write_table(
        base.with_name(f"{base.name}_channels.tsv"), pd.DataFrame({"name": names, "type": types, "units": "uV"})
    )
    write_json(base.with_name(f"{base.name}_eeg.json"), {"SamplingFrequency": SFREQ})
    write_bdf(base.with_name(f"{base.name}_eeg.bdf"), noise(len(names), seed=seed), names)
    return base


def write_meg_run(root: Path, stem: str, events: pd.DataFrame, *, seed: int = 0) -> Path:
    """A run in the form of THINGS-MEG: sensors that channels.tsv calls OTHER, a reference and a trigger channel."""
    base = place_of(root, stem, "meg")
    write_table(base.with_name(f"{base.name}_events.tsv"), events)
    names, types = ["BG1-1609", "MLO11-1609", "MRO11-1609", "UPPT001"], ["ref_meg", "mag", "mag", "stim"]
    kinds = ["MEGREFMAG", "OTHER", "OTHER", "MISC"]
    write_table(base.with_name(f"{base.name}_channels.tsv"), pd.DataFrame({"name": names, "type": kinds, "units": "T"}))
    write_json(base.with_name(f"{base.name}_meg.json"), {"SamplingFrequency": SFREQ, "MEGChannelCount": 2})
    write_json(base.with_name(f"{base.name}_coordsystem.json"), {})
    write_fif(base.with_name(f"{base.name}_meg.fif"), noise(4, scale=1e-12, seed=seed), names, types)
    return base


def write_json(path: Path, content: Mapping[str, Any]) -> Path:
    """Write a sidecar."""
    path.write_text(json.dumps(content))
    return path


def run_at(base: Path, datatype: str = "eeg", *, signal: str = "", root: Path | None = None) -> BidsRun:
    """The run whose files share `base`, with a signal of that ending if any."""
    file = base.with_name(f"{base.name}_{datatype}{signal}") if signal else None
    events = base.with_name(f"{base.name}_events.tsv")
    return BidsRun(root or base.parent, base, datatype, 1, file, events)
