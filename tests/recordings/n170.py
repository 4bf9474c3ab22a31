"""Real single-trial EEG of faces and houses (muse_n170), written as a BIDS study: one subject per held-out run.

Which picture was shown is not recorded, only whether it was a face or a house. So each trial gets some picture of its
class: of the first two of each face or house in the runs for training, of the third in the held-out run; the fourth
serves class centres. Pictures are read where they lie.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

CHANNELS = ("TP9", "AF7", "AF8", "TP10")
SFREQ = 256.0
FOLDERS = {1: "houses", 2: "faces"}  # what a marker stands for


def recordings(real_data: Path) -> list[pd.DataFrame]:
    """The six runs in order of time."""
    folder = real_data / "recordings" / "muse_n170" / "subject1" / "session1"
    return [pd.read_csv(file) for file in sorted(folder.glob("*.csv"))]


def pictures(real_data: Path) -> pd.DataFrame:
    """The image list of the study: columns image, split and concept."""
    folder = real_data / "recordings" / "muse_n170" / "pictures"
    files = sorted(folder.glob("*/*.jpg"))
    split_of = {"1": "train", "2": "train", "3": "test", "4": "center"}
    rows = [(file.relative_to(folder).as_posix(), split_of[file.stem[-1]], file.parent.name) for file in files]
    return pd.DataFrame(rows, columns=["image", "split", "concept"])


def write_bids(real_data: Path, root: Path) -> list[str]:
    """Write subject sub-N, N = 1 to 6, in which run N is the test; returns the subjects."""
    runs, images = recordings(real_data), pictures(real_data)
    root.mkdir(parents=True)
    (root / "dataset_description.json").write_text(json.dumps({"Name": "N170", "BIDSVersion": "1.9.0"}))
    images.to_csv(root / "images.csv", index=False)
    for held_out in range(1, len(runs) + 1):
        for number, run in enumerate(runs, start=1):
            split = "test" if number == held_out else "train"
            _write_run(
                run, root / f"sub-{held_out}" / "eeg", f"sub-{held_out}_task-n170_run-{number:02d}", split, images
            )
    return [f"sub-{number}" for number in range(1, len(runs) + 1)]


def _write_run(run: pd.DataFrame, folder: Path, name: str, split: str, images: pd.DataFrame) -> None:
    from pybv import write_brainvision

    folder.mkdir(parents=True, exist_ok=True)
    write_brainvision(
        data=run[list(CHANNELS)].to_numpy().T * 1e-6,
        sfreq=SFREQ,
        ch_names=list(CHANNELS),
        fname_base=f"{name}_eeg",
        folder_out=folder,
        fmt="binary_float32",
        resolution=1e-3,
    )
    samples = np.flatnonzero(run["Marker0"] > 0)
    shown = [FOLDERS[marker] for marker in run["Marker0"].iloc[samples].astype(int)]
    usable = {
        kind: images[(images["split"] == split) & (images["concept"] == kind)]["image"].tolist() for kind in shown
    }
    files = [usable[kind][i % len(usable[kind])] for i, kind in enumerate(shown)]
    events = pd.DataFrame({"onset": samples / SFREQ, "duration": 0.2, "trial_type": shown, "stim_file": files})
    events.assign(split=split).to_csv(folder / f"{name}_events.tsv", sep="\t", index=False)
    rows = [(channel, "EEG", "µV") for channel in CHANNELS]
    channels = pd.DataFrame(rows, columns=["name", "type", "units"])
    channels.to_csv(folder / f"{name}_channels.tsv", sep="\t", index=False)
    sidecar = {"TaskName": "n170", "SamplingFrequency": SFREQ, "EEGReference": "Fpz", "PowerLineFrequency": 60}
    (folder / f"{name}_eeg.json").write_text(json.dumps(sidecar | {"SoftwareFilters": "n/a"}))
