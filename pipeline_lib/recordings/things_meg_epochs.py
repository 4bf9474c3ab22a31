"""Layout `things-meg-epochs`: the cut trials that THINGS-MEG's authors share (OpenNeuro ds004212, derivatives).

``<root>/<subject>/preprocessed_P1-epo.fif`` and its parts ``-epo-1.fif``, ``-epo-2.fif``, ...: 271 CTF sensors at
200 Hz, -0.1 to 1.3 s, baseline z-scored (data_layouts.md §3). The event code is the number of the THINGS image; the
file does not say which images are tests: the stimulus table tells.
"""

import struct
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.recordings.cut_runs import runs_by_session, session_numbers
from pipeline_lib.recordings.params import StudyParams
from pipeline_lib.recordings.recording import UNTOLD, CutRun, Defect, Header, Layout, apple_doubles, subject_folder

if TYPE_CHECKING:
    import mne

CATCH_CODE = 999999  # a picture that is to be answered with a button
END = struct.pack(">iiii", 108, 0, 0, -1)  # the empty tag that closes every FIF file
PATTERN = "preprocessed_P*-epo.fif"
EXPECTED = "preprocessed_P1-epo.fif and its parts -epo-1.fif, -epo-2.fif, ..."
SESSION_COLUMNS = ("session_nr", "session")


def runs(study: StudyParams, subject: str) -> list[CutRun]:
    """The sessions of a subject; see :class:`~.recording.Layout`.

    Sessions are those of the epochs' metadata, columns ``session_nr`` (the authors') or ``session``; without them all
    trials are of session 1.

    Raises
    ------
    InputError
        If the subject has no such file, more than one, or one that is damaged or lacks a part.
    """
    file = _file(study.root, subject)
    epochs = opened_epochs(file)
    metadata = {} if epochs.metadata is None else epochs.metadata
    column = next((name for name in SESSION_COLUMNS if name in metadata), None)
    sessions = metadata[column] if column else np.ones(len(epochs.events))
    codes = epochs.events[:, 2].astype(np.int64)
    picks = _meg_channels(epochs)
    return runs_by_session(
        session_numbers(sessions, where=str(file)),
        pd.DataFrame({"image": codes, "split": np.where(codes == CATCH_CODE, "catch", UNTOLD)}),
        partial(_read, epochs, picks, file),
        header=partial(_header, epochs, picks),
        file=file,
        tmin=round(float(epochs.times[0]), 6),
    )


def defects(study: StudyParams, subject: str) -> Iterator[Defect]:
    """AppleDouble files, and sensors that the file marks as bad; whatever else could be wrong is an error."""
    file = _file(study.root, subject)
    yield from apple_doubles(file.parent)
    if bad := opened_epochs(file).info["bads"]:
        yield Defect(file, f"channels are marked bad: {listed(bad)}", "kept; preprocess.exclude leaves channels out")


def _file(root: Path, subject: str) -> Path:
    if Path(root).is_dir() and (loose := sorted(Path(root).glob(PATTERN))):
        folder = loose[0].name.split("_")[1].split("-")[0]
        raise InputError(
            f"{loose[0]}: lies beside the folders of subjects; move it and its parts into one per subject, "
            f"such as {Path(root) / folder}"
        )
    folder = subject_folder(root, subject, EXPECTED)
    files = sorted(folder.glob(PATTERN))
    if not files:
        present = listed(path.name for path in sorted(folder.iterdir()))
        raise InputError(f"{folder}: no {PATTERN}; expected {EXPECTED}; it holds: {present}")
    if len(files) > 1:
        names = listed(path.name for path in files)
        raise InputError(f"{folder}: files of more than one person: {names}; move each into a folder of its own")
    return files[0]


def opened_epochs(file: Path) -> "mne.BaseEpochs":
    """The epochs of a file with their samples on the disk; an InputError where it or a part is missing or damaged."""
    import mne

    for part in (file, *sorted(file.parent.glob(f"{file.stem}-*.fif"))):
        _check_end(part)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            epochs = mne.read_epochs(file, proj=False, preload=False, verbose="error")
    except FileNotFoundError as error:
        raise InputError(f"{error.filename}: no such file, but {file.name} continues in it; get it again") from None
    except Exception as error:  # MNE fails in many ways where a file is no FIF file or ends too early
        raise InputError(f"{file}: cannot be read as epochs ({type(error).__name__}: {error}); get it again") from None
    if not len(epochs.events):
        raise InputError(f"{file}: holds no trials; get it again")
    return epochs


def _check_end(part: Path) -> None:
    """Refuse a part that has lost its end: MNE reads what is left, and does not know that there were other parts."""
    try:
        with part.open("rb") as opened:
            opened.seek(max(0, part.stat().st_size - len(END)))
            end = opened.read()
    except OSError as error:
        raise InputError(f"{part}: cannot be read ({error.strerror}); get its content") from None
    if end != END:
        raise InputError(
            f"{part}: is cut off, or a stub in place of the file ({part.stat().st_size} bytes); get it again"
        )


def _meg_channels(epochs: "mne.BaseEpochs") -> np.ndarray:
    import mne

    return mne.pick_types(epochs.info, meg=True, ref_meg=False, exclude=())


def _header(epochs: "mne.BaseEpochs", picks: np.ndarray) -> Header:
    return Header(
        ch_names=[epochs.ch_names[pick] for pick in picks],
        ch_types=epochs.get_channel_types(picks),
        sfreq=float(epochs.info["sfreq"]),
    )


def _read(epochs: "mne.BaseEpochs", picks: np.ndarray, file: Path, rows: np.ndarray) -> np.ndarray:
    try:
        return epochs.get_data(picks=picks, item=rows, copy=False, verbose="error")
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: the trials cannot be read, the file or a part is damaged ({error})") from None


LAYOUT = Layout(runs, defects)
