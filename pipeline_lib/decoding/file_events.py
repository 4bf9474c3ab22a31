"""Events that a recording tells itself: in its trigger channel or, where that is silent, in its annotations."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.recordings.events import events_from_stim
from pipeline_lib.recordings.signals import mne_on

if TYPE_CHECKING:
    import mne

USUAL = ("sti101", "sti014", "status", "uppt001")  # the sum of all trigger lines, as the makers call it
BDF_BITS = 0xFFFF  # the bits above tell how the amplifier fares
NO_EVENTS = re.compile(r"(bad|edge|boundary|new segment|comment|response)", re.IGNORECASE)
STIMULUS = re.compile(r"stimulus/\s*s?\s*(\d{1,15})", re.IGNORECASE)  # as BrainVision writes codes
CODE = re.compile(r"s?\s*(\d{1,15})", re.IGNORECASE)
CURE = "give them with --events"


def events_of_raw(raw: "mne.io.BaseRaw", file: Path, stim_channel: str | None) -> pd.DataFrame:
    """What a recording says of its events.

    Parameters
    ----------
    raw : mne.io.BaseRaw
    file : Path
        For errors.
    stim_channel : str or None
        The trigger channel. None takes the usual one or, failing that, the only one that is not silent.

    Returns
    -------
    DataFrame
        Columns ``onset`` (sample from the first of the file) and ``word`` (code or description).

    Raises
    ------
    InputError
        If there are none, or it is unclear which channel tells them.
    """
    with mne_on(file):
        found = _of_channels(raw, file, stim_channel)
        if not len(found) and stim_channel is None:
            found = _of_annotations(raw)
    if not len(found):
        raise InputError(f"{file}: no events, neither in a trigger channel nor in annotations; {CURE}")
    return found


def _of_channels(raw: "mne.io.BaseRaw", file: Path, stim_channel: str | None) -> pd.DataFrame:
    kinds = zip(raw.ch_names, raw.get_channel_types(), strict=True)
    names = [name for name, kind in kinds if kind == "stim"]
    if stim_channel is not None and stim_channel not in raw.ch_names:
        raise bad_value("--stim-channel", stim_channel, names or raw.ch_names, where=str(file))
    usual = [name for wanted in USUAL for name in names if name.lower().replace(" ", "") == wanted]
    tried = [stim_channel] if stim_channel is not None else usual[:1] or names
    found = {name: _codes(raw, name, file) for name in tried}
    loud = {name: events for name, events in found.items() if len(events)}
    if len(loud) > 1:
        raise InputError(f"{file}: events stand in several trigger channels: {listed(loud)}; choose by --stim-channel")
    return next(iter(loud.values()), _frame([], []))


def _codes(raw: "mne.io.BaseRaw", name: str, file: Path) -> pd.DataFrame:
    stim = raw.get_data(picks=[raw.ch_names.index(name)])[0]
    if file.suffix.lower() == ".bdf":
        stim = (np.round(stim).astype(np.int64) & BDF_BITS).astype(np.float64)
    onsets, codes = events_from_stim(stim, where=f"{file}, channel {name}").T
    return _frame(onsets, codes)


def _of_annotations(raw: "mne.io.BaseRaw") -> pd.DataFrame:
    """The stimuli where BrainVision's codes tell them; else all marks, as codes if all of them are, or as words."""
    marks = raw.annotations
    texts = [str(text).strip() for text in marks.description]
    coded = [i for i, text in enumerate(texts) if STIMULUS.fullmatch(text)]
    shown = coded or [i for i, text in enumerate(texts) if not NO_EVENTS.match(text)]
    onsets = raw.time_as_index(marks.onset[shown], use_rounding=True, origin=marks.orig_time)
    if marks.orig_time is None:  # then MNE counts from where acquisition began, which may be before the file does
        onsets = onsets - raw.first_samp
    codes = [(STIMULUS if coded else CODE).fullmatch(texts[i]) for i in shown]
    return _frame(onsets, [int(match[1]) for match in codes if match] if all(codes) else [texts[i] for i in shown])


def _frame(onsets: object, words: object) -> pd.DataFrame:
    frame = pd.DataFrame({"onset": np.asarray(onsets, dtype=np.int64), "word": words})
    return frame.sort_values("onset", kind="stable").reset_index(drop=True)
