"""What the EEG cap promises."""

import numpy as np

from pipeline_lib.phantom.electrodes import CHANNELS, cap_gain
from tests.phantom.dipoles import dipoles_at

VISUAL = "P7 P5 P3 P1 Pz P2 P4 P6 P8 PO7 PO3 POz PO4 PO8 O1 Oz O2"
NEAR = (("Oz", "POz", "O1", "O2"), ("T8", "TP8", "C6"), ("T7", "TP7", "C5"), ("Cz", "FCz", "CPz", "C1", "C2"))


def loudest(field):
    return CHANNELS[int(np.abs(field).argmax())]


def test_channels_are_those_of_the_real_study():
    assert len(CHANNELS) == len(set(CHANNELS)) == 63
    assert " ".join(CHANNELS[-17:]) == VISUAL
    assert CHANNELS[:3] == ("Fp1", "Fp2", "AF7")


def test_an_outward_current_is_positive_at_the_electrode_above_it():
    places = dipoles_at([[0, -0.7, 0.2], [0.7, -0.1, 0], [-0.7, -0.1, 0], [0, 0.1, 0.7]])
    gain = cap_gain(places)
    assert all(loudest(field) in near for field, near in zip(gain.T, NEAR, strict=True))
    assert all(field[np.abs(field).argmax()] > 0 for field in gain.T)


def test_ten_nanoampere_metres_in_the_cortex_are_about_a_microvolt():
    peak = np.abs(cap_gain(dipoles_at([[0, -0.7, 0.2]]))).max() * 10e-9
    assert 0.3e-6 < peak < 5e-6


def test_the_mirrored_dipole_has_the_mirrored_field():
    right, left = cap_gain(dipoles_at([[0.5, -0.5, 0.1], [-0.5, -0.5, 0.1]])).T
    swapped = [CHANNELS.index(mirror(name)) for name in CHANNELS]
    assert np.corrcoef(right, left[swapped])[0, 1] > 0.99


def mirror(name):
    digits = name.lstrip("ACFOPTpz")
    return name if not digits else name.removesuffix(digits) + str(int(digits) + (1 if int(digits) % 2 else -1))
