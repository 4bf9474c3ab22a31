"""Raw files of the layout things-eeg2, a few seconds long, and what preprocessing makes of a study."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.recordings.params import PreprocessParams, StudyParams

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


def smooth_signal(times: np.ndarray) -> np.ndarray:
    """Slow enough for any rate used here."""
    return np.sin(2 * np.pi * 7 * times + 0.3) + 0.5 * np.cos(2 * np.pi * 3.1 * times)


def preprocessed(study: StudyParams, params: PreprocessParams, subject: str, table: StimulusTable) -> Any:
    """A subject's trials, brought from the scratch folder into memory."""
    from pipeline_lib.recordings.preprocess import preprocess_subject

    with TemporaryDirectory() as scratch:
        result = preprocess_subject(study, params, subject, table, Path(scratch))
        epochs = result.data.epochs[:]
        result.data.epochs.close()
    return replace(result, data=replace(result.data, epochs=epochs))


def study_params(**values: Any) -> StudyParams:
    """Section `study` with some values given, the others such that nothing is found."""
    bids = {"task": None, "image": "stim_file", "split": "split", "concept": None}
    defaults = {"name": "tiny", "images": "images", "stimuli": "images", "closed_set": False, "bids": bids}
    return StudyParams.model_validate(defaults | values)
