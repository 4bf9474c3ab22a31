"""From the files of a request to trials in the model's channels, window and rate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError, bad_value
from pipeline_lib.common.params import validated
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.decoding.cutting import cut_recording, cut_trials
from pipeline_lib.decoding.event_tables import read_events
from pipeline_lib.decoding.opened import CutTrials, Opened
from pipeline_lib.decoding.opening import open_recording
from pipeline_lib.decoding.parts import Part, trial_frame
from pipeline_lib.decoding.reading import Sensors
from pipeline_lib.decoding.request import Request
from pipeline_lib.decoding.sensors import check_kind
from pipeline_lib.decoding.sessions import session_of
from pipeline_lib.decoding.shown import Say, shown_images
from pipeline_lib.decoding.stored import ENDING, stored_part
from pipeline_lib.recordings.fitted import Fitted
from pipeline_lib.recordings.params import PreprocessParams
from pipeline_lib.training.model_card import ModelCard

CUT_LAYOUTS = ("things-eeg2-preprocessed", "things-meg-epochs", "arrays")  # trials that others had cut


@dataclass(frozen=True)
class Trained:
    """What of a trained model bears on recordings.

    Attributes
    ----------
    card : ModelCard
    params : PreprocessParams
        How its training recordings were preprocessed, its rate included.
    people : mapping of str to Fitted
        Those it was trained on, or the one among them who was recorded.
    """

    card: ModelCard
    params: PreprocessParams
    people: Mapping[str, Fitted]


def preprocess_params(card: ModelCard, where: Path) -> PreprocessParams:
    """The model's section `preprocess`, with the rate that its epochs have.

    Raises
    ------
    InputError
        If the model does not say it.
    """
    if card.preprocessing.get("preprocess") is None:
        raise InputError(f"{where}: the model does not say how its recordings were preprocessed; train it again")
    params = validated(card.preprocessing, "preprocess", PreprocessParams, where=str(where))
    return params.model_copy(update={"sfreq": card.sfreq})


def read_parts(
    request: Request, trained: Trained, table: StimulusTable | None, gallery: Sequence[str], say: Say
) -> list[Part]:
    """The trials of each recording.

    Parameters
    ----------
    request : Request
    trained : Trained
    table : StimulusTable or None
        Of what was shown.
    gallery : sequence of str
        Image ids.
    say : callable

    Raises
    ------
    InputError
        If a recording cannot be used; names the file and what to do.
    """
    parts = []
    for number, file in enumerate(request.recordings):
        if file.name.endswith(ENDING):
            if request.events or request.sessions:
                raise InputError(f"{file}: an epochs store knows events and sessions itself; leave out those options")
            part = stored_part(file, trained.card, request.split, say)
        else:
            events = request.events[number] if request.events else None
            session = request.sessions[number] if request.sessions else None
            part = _part(file, events, session, request, trained, table, gallery, say)
        parts.append(part)
    return parts


def _part(
    file: Path,
    events_file: Path | None,
    session: int | None,
    request: Request,
    trained: Trained,
    table: StimulusTable | None,
    gallery: Sequence[str],
    say: Say,
) -> Part:
    card = trained.card
    if card.sfreq is None:
        raise InputError(
            f"{file}: the model's trials have no time axis, so it can only decode an epochs store ({ENDING})"
        )
    opened = open_recording(file, stim_channel=request.stim_channel, image_column=request.image_column)
    check_kind(card.ch_types, opened.header, file)
    if card.preprocessing.get("layout") in CUT_LAYOUTS:
        say(
            f"{file}: the model was trained on trials that others had cut (layout {card.preprocessing['layout']}); "
            "what they did before is not known and cannot be done here"
        )
    owner, number = session_of(file, trained.people, session, fitted=request.whitening == "model")
    trials = _trials(opened, events_file, request, table, gallery, say)
    epochs, kept = _epochs(opened, trials["onset"].to_numpy(), request, trained, say)
    if not kept.all():
        limit = trained.params.reject_peak_to_peak
        say(f"{file}: {int((~kept).sum())} of {len(kept)} trials are rejected: beyond {limit:g} from peak to peak")
    if not kept.any():
        raise InputError(f"{file}: no trial is left")
    _check_size(epochs, card, file)
    seconds = (
        trials["onset"] / opened.header.sfreq if not isinstance(opened, CutTrials) else np.full(len(trials), np.nan)
    )
    frame = trial_frame(str(file), number, seconds, trials["shown"].tolist())[kept]
    return Part(epochs, frame.reset_index(drop=True), owner)


def _trials(
    opened: Opened,
    events_file: Path | None,
    request: Request,
    table: StimulusTable | None,
    gallery: Sequence[str],
    say: Say,
) -> pd.DataFrame:
    """Onset of each trial, and what it showed."""
    told_by = events_file or opened.file
    events, named = _events(opened, events_file, request.image_column, coded=table is not None)
    trials, left_out = shown_images(events, table, request.split, gallery, named=named, file=told_by)
    if left_out:
        say(f"{told_by}: left out: {left_out}")
    if doubled := int(trials["onset"].duplicated().sum()):
        say(f"{told_by}: {doubled} events begin at the same sample as another; each is a trial")
    return trials


def _events(opened: Opened, file: Path | None, image_column: str | None, *, coded: bool) -> tuple[pd.DataFrame, bool]:
    """Onsets and words, and whether the words name images."""
    if not isinstance(opened, CutTrials):
        if file is None:
            return opened.events(), False
        return read_events(file, opened.header.sfreq, image_column, coded=coded)
    if file is None:
        return opened.words, opened.named
    events, named = read_events(file, None, image_column, coded=coded)
    if (beyond := int(events["onset"].max())) >= len(opened.words):
        raise InputError(f"{file}: has {beyond + 1} rows for {len(opened.words)} trials of {opened.file}")
    return events, named


def _epochs(
    opened: Opened, onsets: np.ndarray, request: Request, trained: Trained, say: Say
) -> tuple[np.ndarray, np.ndarray]:
    card, params = trained.card, trained.params
    keep_flat = params.flat_channels == "keep"
    sensors = Sensors(card.ch_names, card.ch_types, request.interpolate, keep_flat, request.montage)
    if not isinstance(opened, CutTrials):
        return cut_recording(opened, onsets, sensors, params, say)
    if card.preprocessing.get("layout") in CUT_LAYOUTS:  # stage `preprocess` has left them to those who cut them
        params = params.model_copy(update={"baseline": "none", "tmin": opened.tmin, "tmax": 1e6})
    return cut_trials(opened, onsets, sensors, params, say)


def _check_size(epochs: np.ndarray, card: ModelCard, file: Path) -> None:
    if epochs.shape[1:] != (card.shapes.n_channels, card.shapes.n_times):
        found, wanted = epochs.shape[1:], (card.shapes.n_channels, card.shapes.n_times)
        raise bad_value("channels and samples of a trial", found, f"the model's, {wanted}", where=str(file))
