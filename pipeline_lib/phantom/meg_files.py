"""The files of a BIDS MEG study in the form of THINGS-MEG; FIF in place of CTF, which nobody can write.

Oddities of the real files are kept: numbers written as floats, sensors that channels.tsv calls OTHER, and a broken one
that it calls good.
"""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline_lib.phantom.helmet import helmet, sensor_names
from pipeline_lib.phantom.meg_design import CATCH_CODE, DURATION, SFREQ

SUFFIX = "-1609"  # the number of the real study's machine, in every name of a sensor
REFERENCES = ("BG1", "BG2", "BG3")  # of 28 magnetometers and gradiometers far from the head
STIM, TRIGGER, TRIGGER_LENGTH = "UPPT001", 64, 24  # channel, value and samples
# Tesla per integer. A power of two, so that rounding is the only loss: less than 1 fT; the largest value is 29 pT.
RESOLUTION = 2.0**-50
LARGEST = 32767 * RESOLUTION

EVENT_COLUMNS = ("onset", "duration", "trial_type", "things_category_nr", "value", "sample")
CHANNEL_COLUMNS = (
    "name", "type", "units", "low_cutoff", "high_cutoff", "description", "sampling_frequency", "status",
)  # fmt: skip
KINDS = {
    "ref_meg": ("MEGREFMAG", "T", "Magnetometer Reference"),
    "mag": ("OTHER", "T", "Other type of channel"),
    "stim": ("MISC", "V", "Miscellaneous"),
}
TASK = "main"


def subject_label(number: int) -> str:
    """The folder of person `number`, as THINGS-MEG calls it."""
    return f"sub-BIGMEG{number}"


def channel_names() -> list[str]:
    """All channels of a file: references, the 272 sensors, the trigger."""
    return [name + SUFFIX for name in (*REFERENCES, *sensor_names())] + [STIM]


def channel_types() -> list[str]:
    """MNE's type of each channel."""
    return ["ref_meg"] * len(REFERENCES) + ["mag"] * len(sensor_names()) + ["stim"]


def write_fif(path: Path, data: np.ndarray) -> None:
    """Write a run as 16-bit integers.

    Parameters
    ----------
    path : Path
        Ends in ``_meg.fif``.
    data : ndarray, shape (n_channels, n_samples)
        In the order of :func:`channel_names`; tesla, and the trigger's value. Is rounded in place.
    """
    import mne
    from mne.io.constants import FIFF

    info = mne.create_info(channel_names(), SFREQ, channel_types())
    sensors = helmet(sensor_names())
    for channel, sensor in zip(info["chs"][len(REFERENCES) : -1], sensors["chs"], strict=True):
        channel.update({key: sensor[key] for key in ("coil_type", "coord_frame", "loc")})
    for channel in info["chs"][: len(REFERENCES)]:
        channel["coil_type"] = FIFF.FIFFV_COIL_CTF_REF_MAG
    for channel in info["chs"][:-1]:
        channel["cal"] = RESOLUTION
    info["dev_head_t"] = sensors["dev_head_t"]
    np.clip(np.rint(data[:-1] / RESOLUTION) * RESOLUTION, -LARGEST, LARGEST, out=data[:-1])
    mne.io.RawArray(data, info, verbose="error").save(path, fmt="short", verbose="error")


def write_events(
    path: Path, codes: np.ndarray, onsets: np.ndarray, categories: Sequence[int], is_test: np.ndarray
) -> None:
    """Write events.tsv.

    Parameters
    ----------
    path : Path
    codes, onsets : ndarray of int, shape (n_events,)
        Number of the picture, from 1, or :data:`CATCH_CODE`; and the sample from which on it is shown.
    categories : sequence of int, length n_pictures
        Number of each picture's concept.
    is_test : ndarray of bool, shape (n_pictures,)
        Which pictures are test pictures.
    """
    rows = []
    for code, onset in zip(codes.tolist(), onsets.tolist(), strict=True):
        if code == CATCH_CODE:
            what = ("catch", "N/A", "N/A")
        else:
            what = ("test" if is_test[code - 1] else "exp", float(categories[code - 1]), float(code))
        rows.append((onset / SFREQ, DURATION, *what, onset))
    write_table(path, EVENT_COLUMNS, rows)


def write_sidecars(stem: Path, n_samples: int) -> None:
    """Write what stands beside a run: channels.tsv, meg.json and coordsystem.json.

    Parameters
    ----------
    stem : Path
        The run's files without their last part (``sub-BIGMEG1_ses-01_task-main_run-01``).
    n_samples : int
        Length of the run.
    """
    rows = []
    for name, kind in zip(channel_names(), channel_types(), strict=True):
        bids_type, unit, description = KINDS[kind]
        rows.append((name, bids_type, unit, 0.0, SFREQ / 2, description, SFREQ, "good"))
    write_table(Path(f"{stem}_channels.tsv"), CHANNEL_COLUMNS, rows)
    write_json(Path(f"{stem}_meg.json"), _recording(n_samples))
    write_json(Path(f"{stem}_coordsystem.json"), {"MEGCoordinateSystem": "CTF", "MEGCoordinateUnits": "m"})


def write_study_files(root: Path, n_subjects: int) -> None:
    """Write dataset_description.json and participants.tsv."""
    description = {
        "Name": "Synthetic MEG study of drawn pictures, in the form of THINGS-MEG",
        "BIDSVersion": "1.10.0",
        "License": "CC0",
        "GeneratedBy": [{"Name": "trialign"}],
    }
    write_json(root / "dataset_description.json", description)
    people = [(subject_label(number), "n/a") for number in range(1, n_subjects + 1)]
    write_table(root / "participants.tsv", ("participant_id", "sex"), people)


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a table: tsv, or csv with the line ends of the real list of images; floats as Python prints them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    form = {"delimiter": "\t", "lineterminator": "\n"} if path.suffix == ".tsv" else {}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, **form)
        writer.writerow(columns)
        writer.writerows(rows)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a sidecar."""
    path.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")


def _recording(n_samples: int) -> dict[str, Any]:
    return {
        "TaskName": TASK,
        "Manufacturer": "CTF",
        "PowerLineFrequency": 60,
        "SamplingFrequency": SFREQ,
        "SoftwareFilters": "n/a",
        "RecordingDuration": n_samples / SFREQ,
        "RecordingType": "continuous",
        "DewarPosition": "n/a",
        "DigitizedLandmarks": False,
        "DigitizedHeadPoints": False,
        "MEGChannelCount": len(sensor_names()),
        "MEGREFChannelCount": len(REFERENCES),
        "EEGChannelCount": 0,
        "MiscChannelCount": 1,
        "TriggerChannelCount": 0,
    }
