"""Raw files of the layout things-eeg2, a few seconds long."""

from pathlib import Path
from typing import Any

import numpy as np

CHANNELS = ["Fp1", "Oz", "Pz"]
SFREQ = 1000.0


def raw_file(codes: list[int], *, seed: int = 0, ch_names: list[str] = CHANNELS, spacing: int = 300) -> dict[str, Any]:
    """The content of a raw file: noise, and one event every `spacing` samples from sample 300."""
    rng = np.random.default_rng(seed)
    data = rng.standard_normal((len(ch_names) + 1, 300 + spacing * len(codes) + 1100)) * 1e-5
    data[-1] = 0
    data[-1, 300 + spacing * np.arange(len(codes))] = codes
    types = ["eeg"] * len(ch_names) + ["stim"]
    return {"raw_eeg_data": data, "ch_names": [*ch_names, "stim"], "ch_types": types, "sfreq": SFREQ}


def save_session(folder: Path, **contents: dict[str, Any]) -> None:
    """Save `training` and `test` contents as raw files of a session."""
    folder.mkdir(parents=True, exist_ok=True)
    for partition, content in contents.items():
        np.save(folder / f"raw_eeg_{partition}.npy", content)
