"""The phantom's MEG helmet: the axial gradiometers of a CTF-275 system, with the sensors that THINGS-MEG's files hold.

MNE's flat drawing of that helmet keeps the angles from the vertex; wrapped round a sphere again, its sensors lie within
2 mm of where a real recording has them, relative to a helmet of the same size.
"""

from typing import TYPE_CHECKING

import numpy as np

from pipeline_lib.phantom.forward import HEAD_CENTER, sphere_gain
from pipeline_lib.phantom.sources import Dipoles

if TYPE_CHECKING:
    import mne

DRAWING = "CTF-275.lout"
VERTEX, RADIANS = (0.5, 0.48), 4.6  # in the drawing: where the vertex is, and the angle from it per unit of length
RADIUS = 0.11  # metres from the head's centre to the inner coils
ABSENT = ("MLF25", "MRF43", "MRO13")  # of the 275 in the drawing; THINGS-MEG's files do without
BROKEN = "MRO11"  # in THINGS-MEG's files, but no brain signal in it


def helmet_gain(dipoles: Dipoles) -> np.ndarray:
    """Field difference between the coils of each gradiometer, per unit of each dipole's current.

    Parameters
    ----------
    dipoles : Dipoles
        Must lie inside the brain's sphere (0.9 of the head's radius).

    Returns
    -------
    ndarray of float64, shape (271, n_dipoles)
        Tesla per ampere metre times ``dipoles.strength``; rows in the order of :func:`sensor_names` without
        :data:`BROKEN`.
    """
    working = [name for name in sensor_names() if name != BROKEN]
    return sphere_gain(helmet(working), dipoles)


def sensor_names() -> list[str]:
    """The 272 sensors, by region: the order of a CTF file."""
    return [name for name in _drawing() if name not in ABSENT]


def helmet(names: list[str]) -> "mne.Info":
    """Gradiometers with their places; head coordinates are device coordinates moved by the head's centre."""
    import mne
    from mne.io.constants import FIFF

    info = mne.create_info(names, sfreq=1200.0, ch_types="mag")  # MNE calls CTF's gradiometers so, as they give tesla
    for channel, place in zip(info["chs"], coil_places(names), strict=True):
        channel.update(coil_type=FIFF.FIFFV_COIL_CTF_GRAD, coord_frame=FIFF.FIFFV_COORD_DEVICE, loc=place)
    to_head = np.eye(4)
    to_head[:3, 3] = HEAD_CENTER
    info["dev_head_t"] = mne.Transform("meg", "head", to_head)
    return info


def coil_places(names: list[str]) -> np.ndarray:
    """Where the inner coils are and how they are turned.

    Returns
    -------
    ndarray, shape (n_sensors, 12)
        Position in metres from the helmet's centre, then three axes of unit length, the last one outwards: what MNE
        keeps as ``loc``.
    """
    drawing = _drawing()
    right, front = (np.array([drawing[name] for name in names]) - VERTEX).T
    polar, azimuth = RADIANS * np.hypot(right, front), np.arctan2(front, right)
    zeros = np.zeros_like(polar)
    outward = np.stack([np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=1)
    downward = np.stack([np.cos(polar) * np.cos(azimuth), np.cos(polar) * np.sin(azimuth), -np.sin(polar)], axis=1)
    around = np.stack([-np.sin(azimuth), np.cos(azimuth), zeros], axis=1)
    return np.hstack([RADIUS * outward, downward, around, outward])


def _drawing() -> dict[str, np.ndarray]:
    """Where each sensor of a CTF-275 is in MNE's flat drawing: its centre as (right, front)."""
    from mne.channels import read_layout

    layout = read_layout(DRAWING)
    centers = layout.pos[:, :2] + layout.pos[:, 2:] / 2
    return dict(zip((name.split("-")[0] for name in layout.names), centers, strict=True))
