"""Trials out of an epochs store, which stage `preprocess` wrote: nothing is left to be done with them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.common.stimulus_table import Split
from pipeline_lib.decoding.parts import Part, trial_frame
from pipeline_lib.decoding.sensors import find_channels
from pipeline_lib.decoding.shown import Say
from pipeline_lib.recordings.recording import Header
from pipeline_lib.recordings.store import open_store
from pipeline_lib.training.model_card import ModelCard

ENDING = ".zarr.zip"
UNTREATED = ("max_repeats", "seed", "dtype")  # settings that change nothing about a trial


def stored_part(file: Path, card: ModelCard, split: Split, say: Say) -> Part:
    """The single trials of the training or test images of a store, in the model's channels.

    Parameters
    ----------
    file : Path
    card : ModelCard
        Of the trained model.
    split : {"train", "test", "center"}
        Of a store's trials only ``"train"`` differs from ``"test"``.
    say : callable
        Takes one line on what was done otherwise to the store's trials than to the model's.

    Raises
    ------
    InputError
        If the file is no store, or its channels, window or rate are not the model's.
    """
    store = open_store(file)
    found, wanted = (store.n_times, store.sfreq), (card.shapes.n_times, card.sfreq)
    if found != wanted:
        raise bad_value("samples and rate", found, f"those of the model, {wanted}", where=str(file))
    if card.sfreq and abs(store.tmin - card.tmin) > 0.5 / card.sfreq:
        raise bad_value("the first sample (s)", store.tmin, f"that of the model, {card.tmin}", where=str(file))
    types = store.ch_types or ["misc"] * store.n_channels
    there = find_channels(card.ch_names, card.ch_types, Header(store.ch_names, types, store.sfreq), file=file)
    if there.missing or there.respelt:
        raise InputError(
            f"{file}: its channels are not the model's; preprocess the recordings with the model's settings"
        )
    trials = store.trials(test=split != "train")
    if not len(trials.image_ids):
        raise InputError(f"{file}: holds no trials of split {split}; choose another with --split")
    if other := list(_otherwise(store.attrs.get("provenance", {}), card.preprocessing)):
        say(f"{file}: its trials were preprocessed otherwise than the model's: {listed(other)}")
    frame = trial_frame(str(file), 0, np.full(len(trials.image_ids), np.nan), list(trials.image_ids))
    frame["session"] = trials.session.astype(np.int64)
    return Part(trials.epochs[:, list(there.rows.values())], frame, finished=True)


def _otherwise(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    """Settings of `preprocess` that differ, where both are known."""
    there, own = (each.get("preprocess") or {} for each in (found, wanted))
    for name in sorted((there.keys() & own.keys()) - set(UNTREATED)):
        if there[name] != own[name]:
            yield f"{name} {there[name]} for {own[name]}"
