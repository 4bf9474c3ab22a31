"""From a subject's raw data to whitened single trials: read, cut, whiten, standardise."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.progress import progress
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.recordings.arrays import read_arrays
from pipeline_lib.recordings.channels import check_signals, resolve_picks, rows_of_channels, take_rows
from pipeline_lib.recordings.epochs import crop_samples, epochs_around, filtered, window_of
from pipeline_lib.recordings.events import images_of_codes, is_complete, select_repeats
from pipeline_lib.recordings.params import PreprocessParams, StudyParams
from pipeline_lib.recordings.recording import Recording, Session
from pipeline_lib.recordings.store import EpochsData
from pipeline_lib.recordings.things_eeg2 import sessions as things_eeg2_sessions
from pipeline_lib.recordings.whitening import fit_whitening, standardize, whiten

LAYOUTS: dict[str, Callable[[Path, str], list[Session]]] = {"things-eeg2": things_eeg2_sessions}
WHITENING_NAMES = {"train": "own-training-trials", "train+test": "own-training-and-test-trials"}


def preprocess_subject(study: StudyParams, params: PreprocessParams, subject: str, table: StimulusTable) -> EpochsData:
    """All kept trials of a subject, ready for the store.

    Continuous recordings are picked, filtered, cut, baseline-corrected, resampled and cropped; layout `arrays` is taken
    as cut already, so of the steps only picks, whitening and standardising apply to it. Memory: one raw file and all
    float32 epochs of the subject (for THINGS-EEG2 1.7 + 5.2 GB).

    Raises
    ------
    InputError
        If something in the data cannot be used; names the file and what to do.
    """
    read = _from_arrays if study.layout == "arrays" else _from_recordings
    data = read(study, params, subject, table)
    _check_partitions(data, study.root / subject)
    if params.whitening.enabled:
        data = _whitened(data, params)
    if params.standardize == "train":
        standardize(data.epochs, data.test)
    settings = {"layout": study.layout, "preprocess": params.model_dump(mode="json")}
    return replace(data, provenance={**settings, **data.provenance})


@dataclass(frozen=True)
class _Part:
    """The epochs of one recording."""

    epochs: np.ndarray
    image_ids: np.ndarray
    session: int
    test: bool
    sfreq: float
    n_incomplete: int


def _from_recordings(study: StudyParams, params: PreprocessParams, subject: str, table: StimulusTable) -> EpochsData:
    picked: list[str] = []
    parts = []
    for session in progress(LAYOUTS[study.layout](study.root, subject), label=subject, unit="session"):
        for recording in session.recordings():
            picked = picked or resolve_picks(params.picks, recording.ch_names)
            parts.append(_part_of(recording, session.number, picked, params, table))
            del recording  # or the next file is read while this one is still held
    sfreqs = sorted({part.sfreq for part in parts})
    if len(sfreqs) > 1:
        raise InputError(f"{study.root / subject}: recordings differ in rate: {sfreqs} Hz; set preprocess.sfreq")
    return EpochsData(
        image_ids=np.concatenate([part.image_ids for part in parts]),
        session=np.concatenate([np.full(len(part.epochs), part.session) for part in parts]),
        test=np.concatenate([np.full(len(part.epochs), part.test) for part in parts]),
        provenance={"incomplete_epochs_dropped": sum(part.n_incomplete for part in parts)},
        epochs=_joined(parts),
        ch_names=picked,
        sfreq=sfreqs[0],
        tmin=crop_samples(params.crop.start, params.crop.stop, sfreqs[0]).start / sfreqs[0],
        subject=subject,
        whitening="none",
    )


def _part_of(
    recording: Recording, session: int, picked: list[str], params: PreprocessParams, table: StimulusTable
) -> _Part:
    where = str(recording.file)
    data = take_rows(recording.data, rows_of_channels(picked, recording.ch_names, where=where))
    check_signals(data, picked, keep_flat=params.flat_channels == "keep", where=where)
    data = filtered(data, recording.sfreq, params.filter.low, params.filter.high, where=where)
    onsets, codes = recording.events.T
    image_ids = images_of_codes(codes, table.of_split(recording.partition), where=where)
    window = window_of(params.tmin, params.tmax, recording.sfreq)
    complete = np.flatnonzero(is_complete(onsets, window, data.shape[1]))
    most = getattr(params.max_repeats, recording.partition)
    chosen = select_repeats(codes[complete], most, seed=params.seed, session=session, partition=recording.partition)
    kept = complete[chosen]
    return _Part(
        epochs=epochs_around(data, onsets[kept], recording.sfreq, params),
        image_ids=image_ids[kept],
        session=session,
        test=recording.partition == "test",
        sfreq=params.sfreq or recording.sfreq,
        n_incomplete=len(onsets) - len(complete),
    )


def _joined(parts: list[_Part]) -> np.ndarray:
    """The epochs of all parts, each part let go once it is copied; empties the list."""
    n_trials = sum(len(part.epochs) for part in parts)
    epochs = np.empty((n_trials, *parts[0].epochs.shape[1:]), dtype=np.float32)
    start = 0
    while parts:
        part = parts.pop(0)
        epochs[start : start + len(part.epochs)] = part.epochs
        start += len(part.epochs)
    return epochs


def _from_arrays(study: StudyParams, params: PreprocessParams, subject: str, table: StimulusTable) -> EpochsData:
    data = read_arrays(study.root, subject, table)
    where = str(study.root / subject / "responses.npy")
    picked = resolve_picks(params.picks, data.ch_names)
    epochs = data.epochs[:, rows_of_channels(picked, data.ch_names, where=where)]
    check_signals(epochs.swapaxes(0, 1), picked, keep_flat=params.flat_channels == "keep", where=where)
    return replace(data, epochs=epochs, ch_names=picked)


def _check_partitions(data: EpochsData, folder: Path) -> None:
    if data.test.all():
        raise InputError(f"{folder}: no training trials; the recordings must show images of split train")
    n_images = len(set(data.image_ids[data.test].tolist()))
    if n_images < 2:
        raise InputError(f"{folder}: trials of {n_images} test images; retrieval needs at least 2")


def _whitened(data: EpochsData, params: PreprocessParams) -> EpochsData:
    if data.epochs.shape[2] == 1:
        raise InputError(
            f"{data.subject}: whitening needs a time axis, these responses have none; "
            "set preprocess.whitening.enabled=false"
        )
    settings = params.whitening
    for number in np.unique(data.session):
        rows = np.flatnonzero(data.session == number)
        epochs, images, test = data.epochs[rows], data.image_ids[rows], data.test[rows]
        where = f"{data.subject}, session {number}"
        w = fit_whitening(epochs, images, test, covariance=settings.covariance, fit_on=settings.fit_on, where=where)
        whiten(epochs, w)
        data.epochs[rows] = epochs
    return replace(data, whitening=WHITENING_NAMES[settings.fit_on])
