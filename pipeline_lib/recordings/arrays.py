"""Layout `arrays`: responses that someone has already cut, of any modality, and a table of what was shown.

``<root>/<subject>/responses.npy``, shape (n_trials, n_channels) or (n_trials, n_channels, n_times), and ``trials.csv``,
one row per trial, with columns ``image``, ``split`` and, if need be, ``session`` and ``subject``.
"""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.common.text_tables import read_text_table
from pipeline_lib.recordings.cut_runs import runs_by_session, session_numbers
from pipeline_lib.recordings.params import StudyParams
from pipeline_lib.recordings.recording import PARTITIONS, CutRun, Defect, Header, Layout, apple_doubles, subject_folder
from pipeline_lib.recordings.safe_pickle import load_array

EXPECTED = "responses.npy and trials.csv"


def runs(study: StudyParams, subject: str) -> list[CutRun]:
    """The sessions of a subject; see :class:`~.recording.Layout`.

    Channels are named ``ch-001``, ..., their type is ``misc`` and their rate unknown. Without a time axis n_times is 1.
    Where trials.csv has a column ``subject``, the rows of this subject are taken.

    Raises
    ------
    InputError
        If a file or column is missing, lengths differ, or a split or session is none.
    """
    folder = subject_folder(study.root, subject, EXPECTED)
    trials_file, file = folder / "trials.csv", folder / "responses.npy"
    trials = _read_trials(trials_file)
    responses = _read_responses(file, len(trials))
    rows = _rows_of_subject(trials, subject, trials_file)
    trials = trials.iloc[rows]
    sessions = trials["session"] if "session" in trials else np.ones(len(trials))
    return runs_by_session(
        session_numbers(sessions, where=str(trials_file)),
        trials[["image", "split"]],
        partial(_read, responses, rows),
        header=partial(_header, responses.shape[1]),
        file=file,
        tmin=0.0,
    )


def defects(study: StudyParams, subject: str) -> list[Defect]:
    """AppleDouble files; whatever else could be wrong is an error."""
    return apple_doubles(subject_folder(study.root, subject, EXPECTED))


def _read_trials(file: Path) -> pd.DataFrame:
    cure = f"layout arrays expects {EXPECTED} in each subject's folder"
    trials = read_text_table(file, ("image", "split"), cure=cure)
    for split in sorted(set(trials["split"]) - set(PARTITIONS)):
        raise bad_value("split", split, PARTITIONS, where=str(file))
    return trials


def _read_responses(file: Path, n_trials: int) -> np.ndarray:
    responses = load_array(file)
    if responses.dtype.kind not in "fiub" or responses.ndim not in (2, 3) or 0 in responses.shape[1:]:
        raise InputError(
            f"{file}: holds {responses.dtype} of shape {responses.shape}, "
            "expected numbers of shape (trials, channels) or (trials, channels, times)"
        )
    if len(responses) != n_trials:
        raise InputError(f"{file}: {len(responses)} trials, but trials.csv beside it has {n_trials} rows")
    return responses


def _rows_of_subject(trials: pd.DataFrame, subject: str, file: Path) -> np.ndarray:
    if "subject" not in trials:
        return np.arange(len(trials))
    rows = np.flatnonzero(trials["subject"] == subject)
    if not len(rows):
        raise InputError(f"{file}: column subject has no {subject!r}; it has: {listed(sorted(set(trials['subject'])))}")
    return rows


def _read(responses: np.ndarray, rows: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # an infinite value is refused when it is used
        trials = np.asarray(responses[rows[numbers]], dtype=np.float32)
    return trials if trials.ndim == 3 else trials[:, :, None]


def _header(n_channels: int) -> Header:
    ch_names = [f"ch-{number:03d}" for number in range(1, n_channels + 1)]
    return Header(ch_names, ["misc"] * n_channels, sfreq=None)


LAYOUT = Layout(runs, defects)
