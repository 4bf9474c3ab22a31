"""Where each sensor lies in a flat drawing of the head seen from above: x to the right ear, y to the nose.

Lengths are shares of a radius. EEG: the electrode's angle from the vertex, 1 is a right angle, which is where the
10-20 system's outermost ring lies (Fpz, T7, Oz); electrodes below it lie outside 1. MEG: MNE's drawing of the helmet,
1 is its rim at the ears.
"""

import re
from collections.abc import Sequence
from functools import cache

import numpy as np

MONTAGE = "colin27_1005"  # what MNE called standard_1005 until version 1.13
LAYOUTS = ("CTF-275.lout", "CTF151.lay", "Vectorview-all.lout")
SENSORS = "electrodes", "magnetometers", "gradiometers"


def flat_positions(ch_names: Sequence[str]) -> np.ndarray:
    """Places of sensors by name: EEG by the 10-05 system, MEG as CTF and Neuromag/MEGIN name theirs.

    Upper and lower case do not matter, nor an ``EEG`` in front or the number of the site behind a CTF sensor's dash.
    Where the names fit several MEG systems, that which knows most of them counts.

    Parameters
    ----------
    ch_names : sequence of str

    Returns
    -------
    ndarray of float64, shape (n_channels, 2)
        x and y; NaN for names that nobody knows.
    """
    keys = [_key(name) for name in ch_names]
    helmet = max((_helmet(layout) for layout in LAYOUTS), key=lambda places: sum(key in places for key in keys))
    known = _cap() | helmet
    return np.array([known.get(key, (np.nan, np.nan)) for key in keys], dtype=np.float64).reshape(-1, 2)


def sensor_kind(ch_name: str) -> str:
    """One of :data:`SENSORS`: kinds that measure different things, so they never share a map.

    Neuromag's magnetometers end in 1, its gradiometers in 2 and 3. CTF's axial gradiometers are magnetometers here, as
    MNE has it: they give tesla.
    """
    key = _key(ch_name)
    if key in _helmet("Vectorview-all.lout"):
        return "magnetometers" if key.endswith("1") else "gradiometers"
    return "magnetometers" if any(key in _helmet(layout) for layout in LAYOUTS) else "electrodes"


def _key(ch_name: str) -> str:
    """The name as tables have it: small letters, without a leading EEG, a CTF site's number, or EDF's padding."""
    named = re.sub(r"^eeg[ _-]?(?=.)", "", ch_name.strip().lower()).replace(" ", "")
    return re.sub(r"(-\d+|\.+)$", "", named)


@cache
def _cap() -> dict[str, tuple[float, float]]:
    """Electrodes by name, around the sphere that fits all of them best."""
    from mne.channels import make_standard_montage

    found = make_standard_montage(MONTAGE).get_positions()["ch_pos"]
    places = np.array(list(found.values()))
    # |p - c|² = r² is linear in c and r² - |c|².
    solution = np.linalg.lstsq(np.c_[2 * places, np.ones(len(places))], (places**2).sum(axis=1), rcond=None)[0]
    right, front, up = (places - solution[:3]).T
    polar, azimuth = np.arctan2(np.hypot(right, front), up) / (np.pi / 2), np.arctan2(front, right)
    flat = np.stack([polar * np.cos(azimuth), polar * np.sin(azimuth)], axis=1)
    return {_key(name): tuple(place) for name, place in zip(found, flat, strict=True)}


@cache
def _helmet(layout: str) -> dict[str, tuple[float, float]]:
    """Sensors of a layout by name, around the middle of the drawing, its right and left ends at 1 and -1."""
    from mne.channels import read_layout

    drawn = read_layout(layout)
    row = {_key(name): i for i, name in enumerate(drawn.names) if name.lower().startswith("m")}
    centers = (drawn.pos[:, :2] + drawn.pos[:, 2:] / 2)[list(row.values())]
    low, high = centers.min(axis=0), centers.max(axis=0)
    flat = (centers - (low + high) / 2) / ((high - low)[0] / 2)
    return {key: tuple(place) for key, place in zip(row, flat, strict=True)}
