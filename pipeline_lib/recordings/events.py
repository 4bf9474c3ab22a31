"""Events: from a trigger channel to the images that were shown, and the repeats that are kept."""

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.common.image_names import match_image_names
from pipeline_lib.common.stimulus_table import NO_EVENT, StimulusTable
from pipeline_lib.recordings.recording import UNTOLD

# Where an event's image is looked for in the stimulus table: an image marked for training may serve a class centre
# only, because its concept is tested; cut trials may not tell what an image is for.
SEARCHED = {"train": ("train", "center"), "test": ("test",), UNTOLD: ("train", "test", "center")}
TRIAL_SPLITS = tuple(SEARCHED)
ZERO_SHOT = "zero-shot"


def events_from_stim(stim: np.ndarray, *, where: str) -> np.ndarray:
    """Onsets and codes in a trigger channel.

    A code stands for one event however many samples it is held; a change from one code straight to another is a new
    event.

    Parameters
    ----------
    stim : ndarray, shape (n_samples,)
        Zero, or the code of an event.
    where : str
        The recording's file, for the error.

    Returns
    -------
    ndarray of int64, shape (n_events, 2)
        Sample of onset and code, in order of time.

    Raises
    ------
    InputError
        If a value is no whole number.
    """
    onsets = np.flatnonzero((stim != 0) & (np.diff(stim, prepend=0) != 0))
    codes = stim[onsets]
    whole = np.isfinite(codes) & (codes == np.round(codes)) & (np.abs(codes) < 2**53)
    if not whole.all():
        raise InputError(
            f"{where}: the trigger channel holds values that are no event codes: {listed(codes[~whole])}; get it again"
        )
    return np.stack([onsets, codes.astype(np.int64)], axis=1)


def resolve_events(events: pd.DataFrame, table: StimulusTable, *, where: str) -> pd.DataFrame:
    """What each event showed, by the stimulus table.

    Parameters
    ----------
    events : DataFrame
        As a run's reader gives them: columns ``onset``, ``image`` (event codes or names of images) and ``split``.
    table : StimulusTable
        The images of the study.
    where : str
        The recording's file, for the error.

    Returns
    -------
    DataFrame
        One row per event: ``onset``, ``image_id``, ``code`` (the table's event code), ``test``, and ``dropped``: empty,
        or why the event is no trial: its split where that is neither train nor test, or ``zero-shot`` for images of
        split center, whose concepts are tested.

    Raises
    ------
    InputError
        Naming the codes or names that stand for no image, or whose split is not the table's.
    """
    is_trial = events["split"].isin(TRIAL_SPLITS).to_numpy()
    trials = events[is_trial]
    by_code = pd.api.types.is_integer_dtype(events["image"])
    rows = _rows_by_code(trials, table, where) if by_code else _rows_by_name(trials, table, where)
    image = table.frame.iloc[rows]
    resolved = pd.DataFrame({"onset": events["onset"].to_numpy(), "image_id": "", "code": NO_EVENT, "test": False})
    resolved["dropped"] = events["split"].where(~is_trial, "").to_numpy()
    resolved.loc[is_trial, "image_id"] = image["image_id"].to_numpy()
    resolved.loc[is_trial, "code"] = image["event_code"].to_numpy()
    resolved.loc[is_trial, "test"] = (image["split"] == "test").to_numpy()
    resolved.loc[is_trial, "dropped"] = np.where(image["split"] == "center", ZERO_SHOT, "")
    return resolved


def _rows_by_code(trials: pd.DataFrame, table: StimulusTable, where: str) -> np.ndarray:
    """The table's row of each event; a training event may show an image that serves a class centre."""
    shown = table.frame[table.frame["event_code"] != NO_EVENT]
    keys = zip(shown["split"], shown["event_code"], strict=True)
    row_of = dict(zip(keys, np.flatnonzero(table.frame["event_code"] != NO_EVENT), strict=True))
    wanted = list(zip(trials["split"], trials["image"].tolist(), strict=True))
    found = {
        (split, code): [row_of[key, code] for key in SEARCHED[split] if (key, code) in row_of]
        for split, code in set(wanted)
    }
    if unknown := sorted(pair for pair, rows in found.items() if not rows):
        split, codes = unknown[0][0], [code for code_split, code in unknown if code_split == unknown[0][0]]
        known = shown.loc[shown["split"].isin(SEARCHED[split]), "event_code"]
        span = f"{known.min()}..{known.max()}" if len(known) else "none"
        raise InputError(
            f"{where}: event codes stand for no image of the stimulus table: {listed(codes)}; "
            f"known codes of split {split}: {span}; correct the events, or name these images in study.stimuli"
        )
    if several := sorted(code for (_, code), rows in found.items() if len(rows) > 1):
        raise InputError(
            f"{where}: event codes stand for images of more than one split: {listed(several)}; give each image in "
            "study.stimuli a code of its own"
        )
    return np.array([found[pair][0] for pair in wanted], dtype=np.int64)


def _rows_by_name(trials: pd.DataFrame, table: StimulusTable, where: str) -> np.ndarray:
    try:
        ids = match_image_names(trials["image"].tolist(), table.frame["image_id"].tolist(), what=where)
    except InputError as error:
        raise InputError(f"{error}; study.stimuli must name every image that was shown") from None
    rows = pd.Index(table.frame["image_id"]).get_indexer(ids)
    splits = table.frame["split"].to_numpy()[rows]
    for split, image_id, says in zip(trials["split"], ids, splits, strict=True):
        if says not in SEARCHED[split]:
            raise InputError(
                f"{where}: image {image_id!r} is marked {split} but the stimulus table says {says}; "
                "an image has one split for all subjects"
            )
    return rows


def select_repeats(codes: np.ndarray, most: int | None, *, seed: int, session: int, test: bool) -> np.ndarray:
    """Which trials of a session to keep so that no image occurs more than `most` times.

    The draw of an image depends on the seed, the session, the partition and its code alone: neither on the order of
    files nor on what else was recorded.

    Parameters
    ----------
    codes : ndarray of int, shape (n_trials,)
        Event codes of one partition, in order of recording, over all runs of the session.
    most : int or None
        Repeats kept per code; None keeps all.
    seed, session, test
        What the draw depends on.

    Returns
    -------
    ndarray of bool, shape (n_trials,)
    """
    kept = np.ones(len(codes), dtype=bool)
    if most is None:
        return kept
    order = np.argsort(codes, kind="stable")
    present, counts = np.unique(codes, return_counts=True)
    for code, repeats in zip(present.tolist(), np.split(order, np.cumsum(counts)), strict=False):
        if len(repeats) > most:
            rng = np.random.default_rng([seed, session, test, code])
            kept[repeats] = False
            kept[rng.choice(repeats, most, replace=False)] = True
    return kept
