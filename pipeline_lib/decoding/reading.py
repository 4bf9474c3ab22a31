"""A recording's samples in the model's channels: picked by name, and interpolated where that is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.decoding.interpolation import interpolation_weights, most_interpolated
from pipeline_lib.decoding.opened import Opened
from pipeline_lib.decoding.sensors import Found, find_channels, kinds_of, missing_line
from pipeline_lib.decoding.shown import Say


@dataclass(frozen=True)
class Sensors:
    """The channels a model was trained on, and what may be done about those that a recording lacks.

    Attributes
    ----------
    ch_names, ch_types : sequence of str
        The model's; types in MNE's words, empty where not known.
    interpolate : bool
        Let MNE make channels that are missing, hold no usable signal, or are marked bad in the file.
    keep_flat : bool
        Channels of one value throughout are usable (``preprocess.flat_channels: keep``).
    montage : str
        As :func:`~.interpolation.interpolation_weights` has it.
    """

    ch_names: Sequence[str]
    ch_types: Sequence[str]
    interpolate: bool
    keep_flat: bool
    montage: str

    @property
    def most(self) -> int:
        """How many channels may be interpolated."""
        return most_interpolated(len(self.ch_names)) if self.interpolate else 0


@dataclass(frozen=True)
class Mixing:
    """How the model's channels are made of those that were found.

    Attributes
    ----------
    used : ndarray of int, shape (n_used,)
        Which of the channels that were found.
    weights : ndarray of float64, shape (n_channels, n_used), or None
        None: the model's channels are the used ones.
    """

    used: np.ndarray
    weights: np.ndarray | None

    def __call__(self, found: np.ndarray) -> np.ndarray:
        """The model's channels from the found ones, shape (..., n_found, n_times)."""
        return found if self.weights is None else self.weights @ found[..., self.used, :]


def found_channels(opened: Opened, sensors: Sensors, say: Say) -> Found:
    """The model's channels in a recording.

    Parameters
    ----------
    opened : Opened
    sensors : Sensors
    say : callable
        Takes one line each on what the user should know.

    Raises
    ------
    InputError
        Naming the channels that are missing, where they may not be interpolated or are too many; or as
        :func:`~.sensors.find_channels`.
    """
    found = find_channels(sensors.ch_names, sensors.ch_types, opened.header, file=opened.file)
    if found.respelt:
        pairs = listed((f"{theirs} for {ours}" for ours, theirs in found.respelt.items()), most=70)
        say(f"{opened.file}: channels are spelt otherwise than the model's, taken as the same: {pairs}")
    if len(found.missing) > sensors.most:
        most = most_interpolated(len(sensors.ch_names))
        raise InputError(f"{opened.file}: {missing_line(found, opened.header, most=most)}")
    return found


def mixing_of(opened: Opened, found: Found, lows: np.ndarray, highs: np.ndarray, sensors: Sensors, say: Say) -> Mixing:
    """How to make the model's channels of the found ones.

    Parameters
    ----------
    opened, found, sensors, say
        As :func:`found_channels` has them.
    lows, highs : ndarray, shape (n_found,)
        Lowest and highest value of each channel that was found.

    Raises
    ------
    InputError
        Naming channels without a usable signal that may not be interpolated, or are too many.
    """
    file, names = opened.file, list(found.rows)
    flat = (lows == highs) & (not sensors.keep_flat)
    useless = [name for name, bad in zip(names, flat | ~np.isfinite(lows) | ~np.isfinite(highs), strict=True) if bad]
    marked = [name for name, row in found.rows.items() if opened.header.ch_names[row] in opened.bad]
    if not sensors.interpolate:
        if useless:
            what = "channels are flat, or hold values that are no numbers"
            raise InputError(f"{file}: {what}: {listed(useless)}; have them interpolated with --interpolate")
        if marked:
            say(f"{file}: channels are marked bad, and used all the same without --interpolate: {listed(marked)}")
        return Mixing(np.arange(len(names)), None)
    wanted = [*found.missing, *dict.fromkeys([*useless, *marked])]
    if len(wanted) > sensors.most:
        raise InputError(
            f"{file}: {len(wanted)} of {len(sensors.ch_names)} channels are missing, marked bad or without a signal: "
            f"{listed(wanted, most=10)}; at most {sensors.most} can be interpolated"
        )
    if not wanted:
        return Mixing(np.arange(len(names)), None)
    say(f"{file}: channels that are missing or bad are interpolated by MNE: {listed(wanted, most=70)}")
    return _interpolating(opened, found, wanted, sensors)


def _interpolating(opened: Opened, found: Found, wanted: Sequence[str], sensors: Sensors) -> Mixing:
    names = list(found.rows)
    used = [number for number, name in enumerate(names) if name not in set(wanted)]
    kinds = kinds_of([opened.header.ch_types[row] for row in found.rows.values()])
    kind = "meg" if kinds == {"meg"} else "eeg"
    made = interpolation_weights(wanted, found.rows, kind, info=opened.info, montage=sensors.montage, file=opened.file)
    weights = np.zeros((len(sensors.ch_names), len(used)))
    position = {name: row for row, name in enumerate(sensors.ch_names)}
    weights[[position[names[number]] for number in used], np.arange(len(used))] = 1
    weights[[position[name] for name in wanted]] = made
    return Mixing(np.array(used), weights)
