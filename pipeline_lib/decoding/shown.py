"""What each event showed: by event code, by the name of an image, or unknown."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.common.image_names import possible_images
from pipeline_lib.common.stimulus_table import NO_EVENT, Split, StimulusTable

Say = Callable[[str], None]


def shown_images(
    events: pd.DataFrame, table: StimulusTable | None, split: Split, gallery: Sequence[str], *, named: bool, file: Path
) -> tuple[pd.DataFrame, str]:
    """Which events are trials, and what they showed.

    Parameters
    ----------
    events : DataFrame
        Columns ``onset`` and ``word``; trials of which the word is empty showed something unknown.
    table : StimulusTable or None
        What codes and names stand for. Events that it does not know are no trials. None: codes say nothing, and names
        are looked for in the gallery.
    split : {"train", "test", "center"}
        Codes are those of this split.
    gallery : sequence of str
        Image ids.
    named : bool
        The words are names of images: every event is a trial, in the gallery or not. If False and without a table,
        events that name no image of the gallery are no trials, unless none does: then all are, and what they showed is
        unknown.
    file : Path
        For errors.

    Returns
    -------
    trials : DataFrame
        Columns ``onset`` and ``shown``: an id of the table or the gallery, the name as given, or empty if unknown.
    left_out : str
        What was left out, in words; empty for nothing.

    Raises
    ------
    InputError
        If there are no events, none is a trial, or a name stands for several images.
    """
    if not len(events):
        raise InputError(f"{file}: holds no events; give them with --events")
    words = events["word"]
    if pd.api.types.is_integer_dtype(words):
        shown = pd.Series("", events.index) if table is None else words.map(_by_code(table, split))
    else:
        known = gallery if table is None else table.frame["image_id"].tolist()
        shown = words.map({"": "", **_by_name([word for word in words if word], known, file)})
        if table is None and (named or shown.isna().all()):
            shown = shown.fillna(words if named else "")
    trials = shown.notna()
    if not trials.any():
        raise InputError(
            f"{file}: no event stands for an image of the stimulus table ({_counted(words)}); its codes of split "
            f"{split} are {_span(table, split)}; give the right --stimuli, --split or --events"
        )
    left_out = "" if trials.all() else f"events that stand for no image: {_counted(words[~trials])}"
    frame = pd.DataFrame({"onset": events["onset"], "shown": shown})[trials]
    return frame.reset_index(drop=True), left_out


def gallery_items(shown: Sequence[str], gallery: Sequence[str], *, where: str) -> np.ndarray:
    """The gallery's row of what each trial showed; -1 where it is not there, or unknown.

    Raises
    ------
    InputError
        If a name stands for several images of the gallery.
    """
    found = _by_name([name for name in shown if name], gallery, Path(where))
    row = {image_id: number for number, image_id in enumerate(gallery)}
    return np.array([row.get(found.get(name), -1) for name in shown], dtype=np.int64)


def _by_code(table: StimulusTable, split: Split) -> dict[int, str]:
    rows = table.of_split(split)
    rows = rows[rows["event_code"] != NO_EVENT]
    return dict(zip(rows["event_code"].tolist(), rows["image_id"].tolist(), strict=True))


def _by_name(names: Sequence[str], image_ids: Sequence[str], file: Path) -> dict[str, str]:
    found = possible_images(names, image_ids)
    if several := next((name for name, ids in found.items() if len(ids) > 1), None):
        raise InputError(f"{file}: image {several!r} could be any of {listed(found[several])}; give its folder too")
    return {name: ids[0] for name, ids in found.items() if ids}


def _counted(words: pd.Series) -> str:
    return listed(f"{word} ({count} times)" if count > 1 else word for word, count in Counter(words).most_common())


def _span(table: StimulusTable | None, split: Split) -> str:
    codes = list(_by_code(table, split)) if table is not None else []
    return f"{min(codes)}..{max(codes)}" if codes else "none"
