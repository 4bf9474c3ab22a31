"""Channels: picked by name, in a fixed order, and refused where they carry no usable signal."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from pipeline_lib.common.errors import InputError, did_you_mean, listed
from pipeline_lib.recordings.recording import Header

_ORDER = """
Fp1 Fp2 AF7 AF3 AFz AF4 AF8 F7 F5 F3 F1 F2 F4 F6 F8 FT9 FT7 FC5 FC3 FC1 FCz FC2 FC4 FC6 FT8 FT10 T7 C5 C3 C1 Cz C2 C4 C6
T8 TP9 TP7 CP5 CP3 CP1 CPz CP2 CP4 CP6 TP8 TP10 P7 P5 P3 P1 Pz P2 P4 P6 P8 PO7 PO3 POz PO4 PO8 O1 Oz O2
"""
THINGS_EEG2 = tuple(_ORDER.split())
VISUAL_17 = THINGS_EEG2[-17:]
MEG_TYPES = ("mag", "grad")
LARGEST = 1e15  # no unit makes a response so large, and its square still fits into single precision


def resolve_picks(picks: str | list[str], exclude: list[str], header: Header, *, where: str) -> list[str]:
    """The names of the channels to keep, in the order in which they are kept.

    Parameters
    ----------
    picks : "all", "eeg", "meg", "visual-17" or list of str
        ``"all"`` keeps every channel: THINGS-EEG2's 63 in their documented order where all of them are present, then
        the others; files of one dataset order them differently. Without them, the order of the file.
    exclude : list of str
        Channels that are left out, by name or by name up to its dash: CTF's names end in a number of the site.
    header : Header
        Of the first recording.
    where : str
        Its file, for errors.

    Raises
    ------
    InputError
        If there are EEG and MEG channels and `picks` does not choose, it chooses EEG channels of an MEG recording, none
        is known or left, or an excluded one is not there.
    """
    if not header.ch_names:
        raise InputError(f"{where}: neither the signal nor a channels.tsv names channels; get the signal's content")
    names = _named(picks, header, where)
    for channel in exclude:
        if not any(_is_called(name, channel) for name in header.ch_names):
            hint = did_you_mean(channel, header.ch_names) or "remove it from the list"
            raise InputError(f"{where}: preprocess.exclude names {channel!r}, which is not there; {hint}")
    kept = [name for name in names if not any(_is_called(name, channel) for channel in exclude)]
    if not kept:
        raise InputError(f"{where}: preprocess.picks={picks} keeps no channel of: {listed(header.ch_names) or 'none'}")
    return kept


def _named(picks: str | list[str], header: Header, where: str) -> list[str]:
    kinds = {"meg" if kind in MEG_TYPES else "eeg" for kind in header.ch_types}
    if picks == "visual-17":
        if kinds == {"meg"}:
            raise InputError(
                f"{where}: preprocess.picks is visual-17, which are EEG channels, but the recording has MEG sensors "
                "alone; set it to all"
            )
        return list(VISUAL_17)
    if isinstance(picks, list):
        return list(picks)
    if picks == "all" and len(kinds) > 1:
        raise InputError(f"{where}: holds EEG and MEG channels; set preprocess.picks to eeg or meg")
    typed = zip(header.ch_names, header.ch_types, strict=True)
    names = [name for name, kind in typed if picks == "all" or (kind in MEG_TYPES) == (picks == "meg")]
    present = {name.lower() for name in names}
    known = THINGS_EEG2 if all(name.lower() in present for name in THINGS_EEG2) else ()
    lowered = {name.lower() for name in known}
    return [*known, *(name for name in names if name.lower() not in lowered)]


def _is_called(name: str, short: str) -> bool:
    return short.lower() in (name.lower(), _stem(name))


def _stem(name: str) -> str:
    return name.lower().split("-")[0]


def rows_of_channels(picked: list[str], ch_names: list[str], *, where: str) -> np.ndarray:
    """The row of each picked channel, whatever the case of its name.

    Parameters
    ----------
    picked : list of str
        From :func:`resolve_picks`. A name that is not there is looked for without what follows its dash, as long as
        one channel alone is called so: CTF's ``MRO11-1609`` and ``MRO11-4304`` are the same sensor at two sites.
    ch_names : list of str
        The channels of a recording.
    where : str
        The recording's file, for the error.

    Returns
    -------
    ndarray of int, shape (len(picked),)

    Raises
    ------
    InputError
        If a channel is missing or two channels have the same name.
    """
    lowered = [name.lower() for name in ch_names]
    if doubled := [name for name, count in Counter(lowered).items() if count > 1]:
        raise InputError(f"{where}: channel names stand there more than once: {listed(doubled)}")
    stems = Counter(map(_stem, ch_names))
    row = {_stem(name): i for i, name in enumerate(ch_names) if stems[_stem(name)] == 1}
    row |= {name: i for i, name in enumerate(lowered)}
    found = [row.get(name.lower(), row.get(_stem(name))) for name in picked]
    if missing := [name for name, i in zip(picked, found, strict=True) if i is None]:
        hint = did_you_mean(missing[0], ch_names) or "change preprocess.picks"
        raise InputError(f"{where}: channels are missing: {listed(missing)}; present: {listed(ch_names)}; {hint}")
    return np.array(found, dtype=np.int64)


def take_rows(data: np.ndarray, rows: Sequence[int]) -> np.ndarray:
    """The rows of `data`, as a view where they follow one another: a real recording is 1.7 GB."""
    rows = list(rows)
    if rows and rows == list(range(rows[0], rows[0] + len(rows))):
        return data[rows[0] : rows[0] + len(rows)]
    return data[rows]


def check_ranges(lows: np.ndarray, highs: np.ndarray, ch_names: list[str], *, keep_flat: bool, where: str) -> None:
    """Refuse channels that hold NaN, infinite or absurdly large values, or one value only.

    Parameters
    ----------
    lows, highs : ndarray, shape (n_channels,)
        Lowest and highest value of each channel.
    ch_names : list of str
        Of the channels.
    keep_flat : bool
        Let constant channels pass (``preprocess.flat_channels: keep``).
    where : str
        The file, for the error.

    Raises
    ------
    InputError
        Naming the channels.
    """
    broken = ~(np.isfinite(lows) & np.isfinite(highs))
    large = broken | (np.maximum(-lows, highs) > LARGEST)
    for channels, what in ((broken, "NaN or infinite values"), (large, f"values beyond {LARGEST:g}")):
        if channels.any():
            names = listed(np.array(ch_names)[channels])
            raise InputError(f"{where}: channels hold {what}: {names}; leave them out (preprocess.exclude)")
    flat = lows == highs
    if flat.any() and not keep_flat:
        names = listed(np.array(ch_names)[flat])
        cure = "leave them out (preprocess.exclude) or set preprocess.flat_channels=keep"
        raise InputError(f"{where}: channels are flat, one value throughout: {names}; {cure}")
