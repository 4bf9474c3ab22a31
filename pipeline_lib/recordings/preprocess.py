"""From a subject's raw data to whitened single trials: choose trials, cut, reject, whiten, standardise.

Single trials go to a file as they are cut, and whitening reads them back session by session: what must be in memory is
one recording and a few epochs, however many trials the subject has.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.progress import progress
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.recordings.channels import resolve_picks, rows_of_channels
from pipeline_lib.recordings.cutting import Blocks, epoch_blocks
from pipeline_lib.recordings.epochs import crop_samples
from pipeline_lib.recordings.epochs_data import EpochsData
from pipeline_lib.recordings.fitted import Fitted
from pipeline_lib.recordings.layouts import layout_of
from pipeline_lib.recordings.moments import Moments, of_channels
from pipeline_lib.recordings.params import PreprocessParams, StudyParams
from pipeline_lib.recordings.quality import Quality
from pipeline_lib.recordings.recording import CutRun
from pipeline_lib.recordings.responses import measure_responses
from pipeline_lib.recordings.spool import Spool
from pipeline_lib.recordings.trials import PEAK_TO_PEAK, AnyRun, planned_runs
from pipeline_lib.recordings.whitening import Whitening, fit_whitening, standardize, whiten

WHITENING_NAMES = {"train": "own-training-trials", "train+test": "own-training-and-test-trials"}


@dataclass(frozen=True)
class Preprocessed:
    """A subject's trials, and what was noticed on the way.

    Attributes
    ----------
    data : EpochsData
        Ready for the store; its epochs lie in the scratch folder.
    recordings : Path
        The folder they were cut from.
    dropped : mapping of str to int
        Why events did not become trials, and how many.
    deviations : ndarray, shape (n_channels,)
        Of each channel's single trials before whitening.
    conditions : mapping of int to float
        Condition number of each session's noise covariance Σ; empty without whitening.
    """

    data: EpochsData
    recordings: Path
    dropped: dict[str, int]
    deviations: np.ndarray
    conditions: dict[int, float]


def preprocess_subject(
    study: StudyParams, params: PreprocessParams, subject: str, table: StimulusTable, scratch: Path
) -> Preprocessed:
    """All kept trials of a subject, ready for the store.

    Continuous recordings are picked, patched, filtered, cut, rejected, baseline-corrected, resampled and cropped.
    Trials that are cut already are picked, rejected, resampled and cropped; those without a sampling rate only picked.

    Parameters
    ----------
    study, params : StudyParams, PreprocessParams
    subject : str
        A folder below ``study.root``.
    table : StimulusTable
        The images of the study.
    scratch : Path
        A folder for the epochs, which must live as long as the result is used.

    Raises
    ------
    InputError
        If something in the data cannot be used; names the file and what to do.
    """
    collected = _collected(study, params, subject, table, scratch)
    data = collected.data(subject, study.root / subject)
    _check_partitions(data, study.root / subject)
    found: dict[int, Whitening] = {}
    if params.whitening.enabled:
        found = _whiten_sessions(data, params)
        own = WHITENING_NAMES[params.whitening.fit_on]
        data = replace(data, whitening=own if data.whitening == "none" else f"{data.whitening}, then {own}")
    mean, scale = standardize(data.epochs, data.test) if params.standardize == "train" else (None, None)
    matrices = {number: whitening.matrix for number, whitening in found.items()}
    settings = {"layout": study.layout, "closed_set": study.closed_set, "preprocess": params.model_dump(mode="json")}
    data = replace(
        data,
        provenance={**settings, "dropped": dict(collected.dropped)},
        fitted=Fitted(matrices, mean, scale, collected.files),
    )
    conditions = {number: whitening.condition for number, whitening in found.items()}
    folder = study.root / subject
    return Preprocessed(data, folder, dict(collected.dropped), of_channels(collected.moments)[1], conditions)


def quality_of(result: Preprocessed) -> Quality:
    """How good a recording is, judged by the trials that will be stored."""
    data = result.data
    times = data.tmin + np.arange(data.epochs.shape[2]) / (data.sfreq or 1.0)
    step = "stored" if data.whitening == "none" else "whitened"
    return Quality(
        subject=data.subject,
        recordings=str(result.recordings),
        ch_names=data.ch_names,
        trials={"kept": {"train": int((~data.test).sum()), "test": int(data.test.sum())}, "dropped": result.dropped},
        deviations=result.deviations,
        conditions=result.conditions,
        responses={step: measure_responses(data.epochs, data.image_ids, data.test, times)},
    )


@dataclass
class _Collected:
    """The trials of all runs so far."""

    spool_file: Path
    ch_names: list[str]
    ch_types: list[str]
    whitening: str = "none"
    sfreq: float | None = None
    tmin: float = 0.0
    spool: Spool | None = None
    trials: list[pd.DataFrame] = field(default_factory=list)
    dropped: Counter = field(default_factory=Counter)
    moments: Moments = field(default_factory=Moments)
    files: dict[int, list[str]] = field(default_factory=dict)

    def add(self, epochs: np.ndarray) -> None:
        """Append a block of epochs."""
        if self.spool is None:
            self.spool = Spool(self.spool_file, epochs.shape[1:])
        self.spool.append(epochs)
        self.moments.add(epochs)

    def data(self, subject: str, folder: Path) -> EpochsData:
        """All trials; raises an InputError if there are none."""
        if not self.trials or self.spool is None or not len(self.spool):
            why = ", ".join(f"{name}: {count}" for name, count in self.dropped.items())
            raise InputError(
                f"{folder}: no trials are left; events dropped: {why or 'none, there are no events'}; check the unit "
                "of onsets, preprocess.tmin and tmax, and reject_peak_to_peak (volts or tesla)"
            )
        trials = pd.concat(self.trials)
        return EpochsData(
            epochs=self.spool,
            image_ids=trials["image_id"].to_numpy(dtype=str),
            session=trials["session"].to_numpy(),
            test=trials["test"].to_numpy(dtype=bool),
            ch_names=self.ch_names,
            ch_types=self.ch_types,
            sfreq=self.sfreq,
            tmin=self.tmin,
            subject=subject,
            whitening=self.whitening,
            provenance={},
        )


def _collected(
    study: StudyParams, params: PreprocessParams, subject: str, table: StimulusTable, scratch: Path
) -> _Collected:
    runs = layout_of(study.layout).runs(study, subject)
    first = runs[0]
    header = first.header()
    picked = resolve_picks(params.picks, params.exclude, header, where=str(first.file))
    ch_types = [header.ch_types[row] for row in rows_of_channels(picked, header.ch_names, where=str(first.file))]
    whitening = first.whitening if isinstance(first, CutRun) else "none"
    collected = _Collected(scratch / "epochs.f32", picked, ch_types, whitening)
    sfreqs: dict[float | None, Path] = {}
    for run, events in progress(planned_runs(runs, table, params), total=len(runs), label=subject, unit="run"):
        events = events.copy()
        sfreq, blocks = epoch_blocks(run, events, picked, params)
        sfreqs.setdefault(sfreq, run.file)
        if len(sfreqs) > 1:
            (one, file), (other, _) = sfreqs.items()
            raise InputError(f"{run.file}: {other} Hz, but {file} has {one} Hz; set preprocess.sfreq")
        collected.sfreq, collected.tmin = sfreq, _tmin(params, sfreq)
        _drain(blocks, events, collected)
        _note_file(run, study.root / subject, collected.files)
        collected.dropped.update(events.loc[events["dropped"] != "", "dropped"])
        collected.trials.append(events[events["dropped"] == ""].assign(session=run.session))
    return collected


def _note_file(run: AnyRun, folder: Path, files: dict[int, list[str]]) -> None:
    """Add the run's file to those of its session, relative to the subject's `folder` where it lies in it."""
    inside = run.file.is_relative_to(folder)
    name = run.file.relative_to(folder).as_posix() if inside else run.file.name
    if name not in (of_session := files.setdefault(run.session, [])):
        of_session.append(name)


def _drain(blocks: Blocks, events: pd.DataFrame, collected: _Collected) -> None:
    """Collect the epochs of a run, and mark the events whose epochs were rejected."""
    rows, dropped = np.flatnonzero(events["dropped"] == ""), events.columns.get_loc("dropped")
    start = 0
    for epochs, kept in blocks:
        collected.add(epochs)
        events.iloc[rows[start : start + len(kept)][~kept], dropped] = PEAK_TO_PEAK
        start += len(kept)


def _tmin(params: PreprocessParams, sfreq: float | None) -> float:
    return crop_samples(params.crop.start, params.crop.stop, sfreq).start / sfreq if sfreq else 0.0


def _check_partitions(data: EpochsData, folder: Path) -> None:
    if data.test.all():
        raise InputError(f"{folder}: no training trials; the recordings must show images of split train")
    n_images = len(set(data.image_ids[data.test].tolist()))
    if n_images < 2:
        raise InputError(
            f"{folder}: trials of {n_images} test images; retrieval needs at least 2: "
            "add the recordings that show images of split test"
        )


def _whiten_sessions(data: EpochsData, params: PreprocessParams) -> dict[int, Whitening]:
    """Whiten each session's trials by themselves, in place; what each session was whitened with."""
    if data.epochs.shape[2] == 1:
        raise InputError(
            f"{data.subject}: whitening needs a time axis, these responses have none; "
            "set preprocess.whitening.enabled=false"
        )
    settings, found = params.whitening, {}
    for number in np.unique(data.session).tolist():
        rows = np.flatnonzero(data.session == number)
        start, stop = int(rows[0]), int(rows[-1]) + 1
        part = data.epochs.part(start, stop)
        fitted = fit_whitening(
            part,
            data.image_ids[start:stop],
            data.test[start:stop],
            covariance=settings.covariance,
            fit_on=settings.fit_on,
            where=f"{data.subject}, session {number}",
        )
        whiten(part, fitted.matrix)
        found[number] = fitted
    return found
