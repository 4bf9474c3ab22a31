"""One small study in every layout: three training and two test pictures, two sessions where the files know sessions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline_lib.common.stimulus_table import COLUMNS, StimulusTable, checked_table
from pipeline_lib.recordings.params import StudyParams
from tests.recordings.bids_study import place_of, write_bdf, write_fif, write_json, write_table
from tests.recordings.tiny_study import save_session, study_params

CONTINUOUS = ("things-eeg2", "things-eeg2-bids", "things-meg-bids", "bids")
CUT = ("things-eeg2-preprocessed", "things-meg-epochs", "arrays")
MEG = ("things-meg-bids", "things-meg-epochs")
SUBJECT = "sub-01"
CODES = {"train": (1, 2, 3, 3, 2, 1, 3, 1), "test": (11, 12, 12, 11)}  # shown one after the other
PIECES = {"train": "training", "test": "test"}
SFREQ = 100.0
FIRST, SPACING, TAIL = 50, 60, 150  # samples before the first onset, from one to the next, and after the last
TASKS = {
    "things-eeg2-bids": {"train": "task-train_run-01", "test": "task-test"},
    "things-meg-bids": {"train": "task-main_run-01", "test": "task-main_run-02"},
    "bids": {"train": "task-look_run-01", "test": "task-look_run-02"},
}


@dataclass(frozen=True)
class Recording:
    """What one continuous file holds.

    Attributes
    ----------
    events : list of (int, int, str)
        Onset in samples, code, and ``train``, ``test`` or ``target``.
    names : tuple of str
        Channels; one of a given name, in whatever case, always holds the same samples.
    sfreq : float
        Hz.
    n_samples : int
        Length.
    seed : int
        Of the noise.
    loud : collection of int
        Codes: from 0.2 s before these are shown to 1 s after, everything is thirty times as loud.
    """

    events: Sequence[tuple[int, int, str]]
    n_samples: int
    names: Sequence[str] = ("Fp1", "Oz", "Pz")
    sfreq: float = SFREQ
    seed: int = 0
    loud: Collection[int] = ()

    def microvolts(self) -> np.ndarray:
        """The samples, shape (n_channels, n_samples)."""
        seeds = [[self.seed, *name.lower().encode()] for name in self.names]
        data = np.array([20 * np.random.default_rng(seed).standard_normal(self.n_samples) for seed in seeds])
        for onset in [onset for onset, code, _ in self.events if code in self.loud]:
            data[:, onset - round(0.2 * self.sfreq) : onset + round(self.sfreq) + 1] *= 30
        return data


def recording(partition: str, session: int = 1, **changes: Any) -> Recording:
    """The usual recording of a partition, with changes."""
    codes = changes.pop("codes", CODES[partition])
    events = [(FIRST + SPACING * number, code, partition) for number, code in enumerate(codes)]
    n_samples = 200 * -(-(FIRST + SPACING * len(events) + TAIL) // 200)  # whole seconds, as BDF wants it
    made = Recording(events, n_samples, seed=10 * session + (partition == "test"))
    return replace(made, **changes)


@dataclass(frozen=True)
class Made:
    """A study on disk, and what it takes to preprocess it."""

    study: StudyParams
    table: StimulusTable
    files: Mapping[tuple[str, int], Path] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The subject's folder."""
        return self.study.root / SUBJECT

    def write(self, partition: str, session: int, made: Recording) -> Path:
        """Write a continuous recording in place of the usual one; returns the signal's file."""
        return write_recording(self.study.layout, self.study.root, session, partition, made)


def made_study(layout: str, root: Path) -> Made:
    """Write the study of a layout below `root`."""
    table = small_table(test_from=1 if layout == "things-eeg2-preprocessed" else 11)
    study = study_params(layout=layout, root=root)
    if layout in CUT:
        return Made(study, table, WRITE_CUT[layout](root / SUBJECT))
    places = [(partition, session) for session in (1, 2) for partition in PIECES]
    files = {place: write_recording(layout, root, place[1], place[0], recording(*place)) for place in places}
    return Made(study, table, files)


def small_table(*, test_from: int) -> StimulusTable:
    """Training images of codes 1 to 3, and two test images of codes from `test_from`."""
    shown = [("train", code) for code in (1, 2, 3)] + [("test", code) for code in (test_from, test_from + 1)]
    rows = [(f"{split}/{code}", f"{split}/{code}.jpg", f"{split} thing {code}", split, code) for split, code in shown]
    return checked_table(pd.DataFrame(rows, columns=list(COLUMNS)), where="table")


def write_recording(layout: str, root: Path, session: int, partition: str, made: Recording) -> Path:
    """Write a continuous recording with everything that belongs to it; returns the signal's file."""
    if layout == "things-eeg2":
        return _write_raw(root / SUBJECT / f"ses-{session:02d}", partition, made)
    datatype = "meg" if layout in MEG else "eeg"
    base = place_of(root, f"{SUBJECT}_ses-{session:02d}_{TASKS[layout][partition]}", datatype)
    write_table(base.with_name(f"{base.name}_events.tsv"), EVENTS[layout](made))
    write_json(base.with_name(f"{base.name}_{datatype}.json"), {"SamplingFrequency": made.sfreq})
    kinds = pd.DataFrame({"name": made.names, "type": "MEGMAG" if datatype == "meg" else "EEG", "units": "n/a"})
    write_table(base.with_name(f"{base.name}_channels.tsv"), kinds)
    if datatype == "eeg":
        return write_bdf(base.with_name(f"{base.name}_eeg.bdf"), made.microvolts(), made.names, made.sfreq)
    file, types = base.with_name(f"{base.name}_meg.fif"), ["mag"] * len(made.names)
    return write_fif(file, made.microvolts() * 1e-13, made.names, types, made.sfreq)


def _write_raw(folder: Path, partition: str, made: Recording) -> Path:
    stim = np.zeros(made.n_samples)
    for onset, code, split in made.events:
        if onset < made.n_samples:
            stim[onset] = 99999 if split == "target" else code
    content = {
        "raw_eeg_data": np.vstack([made.microvolts() * 1e-6, stim]),
        "ch_names": [*made.names, "stim"],
        "ch_types": ["eeg"] * len(made.names) + ["stim"],
        "sfreq": made.sfreq,
    }
    save_session(folder, **{PIECES[partition]: content})
    return folder / f"raw_eeg_{PIECES[partition]}.npy"


def _eeg2_events(made: Recording) -> pd.DataFrame:
    rows = [
        (onset / made.sfreq, onset, "target" if split == "target" else "image", "n/a" if split == "target" else code)
        for onset, code, split in made.events
    ]
    return pd.DataFrame(rows, columns=["onset", "sample", "trial_type", "tot_img_number"])


def _meg_events(made: Recording) -> pd.DataFrame:
    kinds = {"train": "exp", "test": "test", "target": "catch"}
    rows = [
        (onset / made.sfreq, kinds[split], "N/A" if split == "target" else float(code), onset)
        for onset, code, split in made.events
    ]
    return pd.DataFrame(rows, columns=["onset", "trial_type", "value", "sample"])


def _named_events(made: Recording) -> pd.DataFrame:
    rows = [
        (onset / made.sfreq, "n/a" if split == "target" else f"{split}/{code}.jpg", split)
        for onset, code, split in made.events
    ]
    return pd.DataFrame(rows, columns=["onset", "stim_file", "split"])


EVENTS = {"things-eeg2-bids": _eeg2_events, "things-meg-bids": _meg_events, "bids": _named_events}


def cut_content(partition: str, **changes: Any) -> dict[str, Any]:
    """A file of layout things-eeg2-preprocessed: four repeats of each image, 100 Hz, -0.2 to 1.0 s."""
    n_images = {"train": 3, "test": 2}[partition]
    rng = np.random.default_rng(n_images)
    times = np.arange(-20, 101) / SFREQ
    data = rng.standard_normal((n_images, 4, 3, len(times)))
    return {"preprocessed_eeg_data": data, "ch_names": ["Fp1", "Oz", "Pz"], "times": times} | changes


def _write_cut_eeg2(folder: Path) -> dict[tuple[str, int], Path]:
    folder.mkdir(parents=True)
    files = {(partition, 1): folder / f"preprocessed_eeg_{PIECES[partition]}.npy" for partition in PIECES}
    for (partition, _), file in files.items():
        np.save(file, cut_content(partition))
    return files


def _write_meg_epochs(folder: Path) -> dict[tuple[str, int], Path]:
    """Trials in two parts."""
    import mne

    folder.mkdir(parents=True)
    codes = np.array([*CODES["train"], *CODES["test"], 999999] * 150)
    info = mne.create_info([f"MLC{number}-1609" for number in range(3)], SFREQ, "mag")
    events = np.c_[np.arange(len(codes)) * 200, np.zeros(len(codes), int), codes]
    data = np.random.default_rng(0).standard_normal((len(codes), 3, 121))
    file = folder / "preprocessed_P1-epo.fif"
    mne.EpochsArray(data, info, events, tmin=-0.2, verbose="error").save(file, split_size="2MB", verbose="error")
    return {("train", 1): file}


def _write_arrays(folder: Path) -> dict[tuple[str, int], Path]:
    folder.mkdir(parents=True)
    shown = [(f"{split}/{code}", split) for split in PIECES for code in CODES[split]]
    pd.DataFrame(shown, columns=["image", "split"]).to_csv(folder / "trials.csv", index=False)
    np.save(folder / "responses.npy", np.random.default_rng(0).standard_normal((len(shown), 3, 121)))
    return {("train", 1): folder / "responses.npy"}


WRITE_CUT = {
    "things-eeg2-preprocessed": _write_cut_eeg2,
    "things-meg-epochs": _write_meg_epochs,
    "arrays": _write_arrays,
}
