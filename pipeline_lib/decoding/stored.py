"""Trials out of an epochs store, which stage `preprocess` wrote: nothing is left to be done with them."""

from pathlib import Path

import numpy as np

from pipeline_lib.common.errors import InputError, bad_value
from pipeline_lib.common.stimulus_table import Split
from pipeline_lib.decoding.parts import Part, trial_frame
from pipeline_lib.decoding.sensors import find_channels
from pipeline_lib.recordings.recording import Header
from pipeline_lib.recordings.store import open_store
from pipeline_lib.training.model_card import ModelCard

ENDING = ".zarr.zip"


def stored_part(file: Path, card: ModelCard, split: Split) -> Part:
    """The single trials of the training or test images of a store, in the model's channels.

    Parameters
    ----------
    file : Path
    card : ModelCard
        Of the trained model.
    split : {"train", "test", "center"}
        Of a store's trials only ``"train"`` differs from ``"test"``.

    Raises
    ------
    InputError
        If the file is no store, or its channels, samples or rate are not the model's.
    """
    store = open_store(file)
    found, wanted = (store.n_times, store.sfreq), (card.shapes.n_times, card.sfreq)
    if found != wanted:
        raise bad_value("samples and rate", found, f"those of the model, {wanted}", where=str(file))
    types = store.ch_types or ["misc"] * store.n_channels
    there = find_channels(card.ch_names, card.ch_types, Header(store.ch_names, types, store.sfreq), file=file)
    if there.missing or there.respelt:
        raise InputError(
            f"{file}: its channels are not the model's; preprocess the recordings with the model's settings"
        )
    trials = store.trials(test=split != "train")
    if not len(trials.image_ids):
        raise InputError(f"{file}: holds no trials of split {split}; choose another with --split")
    frame = trial_frame(str(file), 0, np.full(len(trials.image_ids), np.nan), list(trials.image_ids))
    frame["session"] = trials.session.astype(np.int64)
    return Part(trials.epochs[:, list(there.rows.values())], frame, finished=True)
