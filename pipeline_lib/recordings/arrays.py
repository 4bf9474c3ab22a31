"""Layout `arrays`: responses that someone has already cut, of any modality, and a table of what was shown.

``<root>/<subject>/responses.npy``, shape (n_trials, n_channels) or (n_trials, n_channels, n_times), and ``trials.csv``,
one row per trial, with columns ``image``, ``split`` and, if need be, ``session`` and ``subject``.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.common.image_names import match_image_names
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.recordings.recording import subject_folder
from pipeline_lib.recordings.safe_pickle import load_array
from pipeline_lib.recordings.store import EpochsData

EXPECTED = "responses.npy and trials.csv"


def read_arrays(root: Path, subject: str, table: StimulusTable) -> EpochsData:
    """The responses of a subject as epochs; their sampling rate is unknown.

    Parameters
    ----------
    root : Path
        ``study.root``.
    subject : str
        Name of the folder, and of the rows where trials.csv has a column ``subject``.
    table : StimulusTable
        The images of the study.

    Returns
    -------
    EpochsData
        Channels are named ``ch-001``, ...; without a time axis n_times is 1.

    Raises
    ------
    InputError
        If a file or column is missing, lengths differ, an image is unknown, or a trial's split contradicts the table.
    """
    folder = subject_folder(root, subject, EXPECTED)
    trials_file = folder / "trials.csv"
    trials = _read_trials(trials_file)
    responses = _read_responses(folder / "responses.npy", len(trials))
    rows = _rows_of_subject(trials, subject, trials_file)
    trials, epochs = trials.iloc[rows], np.asarray(responses[rows], dtype=np.float32)
    image_ids = match_image_names(trials["image"].tolist(), table.frame["image_id"].tolist(), what=str(trials_file))
    _check_splits(trials["split"].tolist(), image_ids, table, trials_file)
    return EpochsData(
        epochs=epochs if epochs.ndim == 3 else epochs[:, :, None],
        image_ids=np.array(image_ids),
        session=_sessions(trials, trials_file),
        test=(trials["split"] == "test").to_numpy(dtype=bool),
        ch_names=[f"ch-{number:03d}" for number in range(1, epochs.shape[1] + 1)],
        sfreq=None,
        tmin=0.0,
        subject=subject,
        whitening="none",
        provenance={},
    )


def _read_trials(file: Path) -> pd.DataFrame:
    try:
        trials = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; layout arrays expects {EXPECTED} in each subject's folder") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: not a csv table ({error})") from None
    if missing := [name for name in ("image", "split") if name not in trials]:
        raise InputError(f"{file}: columns are missing: {listed(missing)}; it has: {listed(trials.columns)}")
    for split in sorted(set(trials["split"]) - {"train", "test"}):
        raise bad_value("split", split, ("train", "test"), where=str(file))
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


def _check_splits(splits: list[str], image_ids: list[str], table: StimulusTable, file: Path) -> None:
    split_of = dict(zip(table.frame["image_id"], table.frame["split"], strict=True))
    for split, image_id in zip(splits, image_ids, strict=True):
        if split != split_of[image_id]:
            raise InputError(
                f"{file}: image {image_id!r} is marked {split} but the stimulus table says {split_of[image_id]}; "
                "an image has one split for all subjects"
            )


def _sessions(trials: pd.DataFrame, file: Path) -> np.ndarray:
    if "session" not in trials:
        return np.ones(len(trials), dtype=np.int64)
    try:
        return trials["session"].astype(int).to_numpy()
    except ValueError:
        raise InputError(f"{file}: column session must hold whole numbers, has {trials['session'].iloc[0]!r}") from None
