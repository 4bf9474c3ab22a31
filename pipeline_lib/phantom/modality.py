"""The phantom's two ways of measuring a brain: what differs between EEG and MEG apart from the files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline_lib.phantom.electrodes import cap_gain
from pipeline_lib.phantom.helmet import helmet_gain
from pipeline_lib.phantom.noise import Levels
from pipeline_lib.phantom.params import ModalityName
from pipeline_lib.phantom.sources import Dipoles


@dataclass(frozen=True)
class Modality:
    """Sensors, and how loud brain and noise are in them, in volts (EEG) or tesla (MEG).

    Attributes
    ----------
    gain : callable
        What the sensors measure of dipoles: Dipoles to ndarray, shape (n_channels, n_dipoles).
    evoked : mapping of str to float
        By wave: how much the pictures' differences move a sensor, rms over sensors at the peak.
    noise : Levels
    """

    gain: Callable[[Dipoles], np.ndarray]
    evoked: Mapping[str, float]
    noise: Levels


# EEG: together the 10-20 µV of a resting EEG; responses of a few microvolts, chosen so that ridge regression to the
# true attributes finds about 55 % of 60 test pictures within a person and about 20 % across people (chance 1.7).
# MEG: 10 fT/√Hz in the sensors, a brain of half a picotesla; responses of about 100 fT.
MODALITIES: Mapping[ModalityName, Modality] = {
    "eeg": Modality(
        gain=cap_gain,
        evoked={"early": 1.6e-6, "mid": 1.3e-6, "late": 1.5e-6},
        noise=Levels(background=11e-6, alpha=5e-6, sensor=2e-6),
    ),
    "meg": Modality(
        gain=helmet_gain,
        evoked={"early": 80e-15, "mid": 65e-15, "late": 75e-15},
        noise=Levels(background=350e-15, alpha=250e-15, sensor=100e-15),
    ),
}
