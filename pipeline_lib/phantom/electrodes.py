"""The phantom's EEG cap: the 63 electrodes of THINGS-EEG2."""

from typing import TYPE_CHECKING

import numpy as np

from pipeline_lib.phantom.forward import sphere_gain
from pipeline_lib.phantom.sources import Dipoles

if TYPE_CHECKING:
    import mne

MONTAGE_ORDER = """
Fp1 Fp2 AF7 AF3 AFz AF4 AF8 F7 F5 F3 F1 F2 F4 F6 F8 FT9 FT7 FC5 FC3 FC1 FCz FC2 FC4 FC6 FT8 FT10 T7
C5 C3 C1 Cz C2 C4 C6 T8 TP9 TP7 CP5 CP3 CP1 CPz CP2 CP4 CP6 TP8 TP10 P7 P5 P3 P1 Pz P2 P4 P6 P8 PO7
PO3 POz PO4 PO8 O1 Oz O2
"""
CHANNELS = tuple(MONTAGE_ORDER.split())
REFERENCE = "Fz"  # the electrode that is missing from the list above
MONTAGE = "standard_1005"


def cap_gain(dipoles: Dipoles) -> np.ndarray:
    """Voltage at each electrode against the reference, per unit of each dipole's current.

    Parameters
    ----------
    dipoles : Dipoles
        Must lie inside the brain's sphere (0.9 of the head's radius).

    Returns
    -------
    ndarray of float64, shape (63, n_dipoles)
        Volts per ampere metre times ``dipoles.strength``; rows in the order of :data:`CHANNELS`.
    """
    info = electrodes()
    gain = sphere_gain(info, dipoles)
    reference = info.ch_names.index(REFERENCE)
    return gain[:reference] - gain[reference]


def electrodes() -> "mne.Info":
    """The electrodes with their positions, the reference last."""
    import mne

    info = mne.create_info([*CHANNELS, REFERENCE], sfreq=1000.0, ch_types="eeg")
    info.set_montage(MONTAGE, verbose="error")
    return info
