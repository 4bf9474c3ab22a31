"""From currents in the head to what sensors around it measure: MNE's spherical head, for electrodes and coils alike."""

from typing import TYPE_CHECKING

import numpy as np

from pipeline_lib.phantom.sources import Dipoles

if TYPE_CHECKING:
    import mne

HEAD_CENTER, HEAD_RADIUS = (0.0, 0.015, 0.044), 0.0957  # metres: the sphere that fits the EEG's montage best


def sphere_gain(info: "mne.Info", dipoles: Dipoles) -> np.ndarray:
    """What each sensor measures per unit of each dipole's current.

    Parameters
    ----------
    info : mne.Info
        Electrodes or MEG coils, with their positions; not both.
    dipoles : Dipoles
        Must lie inside the brain's sphere (0.9 of the head's radius).

    Returns
    -------
    ndarray of float64, shape (n_sensors, n_dipoles)
        Volts (against infinity) or tesla per ampere metre times ``dipoles.strength``.
    """
    fields = _free_fields(info, dipoles.position * HEAD_RADIUS + HEAD_CENTER)
    return np.einsum("edx,dx,d->ed", fields, dipoles.orientation, dipoles.strength)


def _free_fields(info: "mne.Info", positions: np.ndarray) -> np.ndarray:
    """Fields of unit dipoles along x, y and z: shape (n_sensors, n_dipoles, 3)."""
    import mne

    sphere = mne.make_sphere_model(r0=HEAD_CENTER, head_radius=HEAD_RADIUS, verbose="error")
    upwards = np.tile([0.0, 0.0, 1.0], (len(positions), 1))
    places = mne.setup_volume_source_space(pos={"rr": positions, "nn": upwards}, verbose="error")
    is_eeg = info.get_channel_types(unique=True) == ["eeg"]
    solution = mne.make_forward_solution(
        info, trans=None, src=places, bem=sphere, meg=not is_eeg, eeg=is_eeg, mindist=0.0, verbose="error"
    )
    fields = solution["sol"]["data"]
    if fields.shape[1] != 3 * len(positions):
        raise ValueError(f"{len(positions) - fields.shape[1] // 3} dipoles lie outside the brain's sphere")
    return fields.reshape(len(fields), len(positions), 3)
