"""What the forward model promises, whatever the sensors."""

import mne
import numpy as np
import pytest

from pipeline_lib.phantom.electrodes import cap_gain
from pipeline_lib.phantom.forward import HEAD_CENTER, HEAD_RADIUS, sphere_gain
from pipeline_lib.phantom.helmet import helmet_gain
from tests.phantom.dipoles import dipoles_at

GAINS = pytest.mark.parametrize("gain", [cap_gain, helmet_gain], ids=["eeg", "meg"])


@GAINS
def test_a_dipole_outside_the_brain_is_refused(gain):
    with pytest.raises(ValueError, match="1 dipoles lie outside"):
        gain(dipoles_at([[0, -0.7, 0.2], [0, -0.95, 0]]))


@GAINS
def test_fields_are_linear_in_the_current(gain):
    place, direction = [[0.2, -0.6, 0.2]], [[1, 0.2, 0.4]]
    assert gain(dipoles_at(place, direction, strength=-2.5)) == pytest.approx(-2.5 * gain(dipoles_at(place, direction)))


@GAINS
def test_a_tilted_dipole_is_the_sum_of_its_components(gain):
    place = [0.3, -0.5, 0.3]
    x, y, tilted = gain(dipoles_at([place] * 3, [[1, 0, 0], [0, 1, 0], [0.6, -0.8, 0]])).T
    assert tilted == pytest.approx(0.6 * x - 0.8 * y, abs=1e-9 * np.abs(x).max())


def test_an_electrode_sees_a_deep_dipole_less_than_a_shallow_one():
    info = mne.create_info(["top"], 1000.0, "eeg")
    info["chs"][0]["loc"][:3] = np.add(HEAD_CENTER, [0, 0, HEAD_RADIUS])
    shallow, deep = sphere_gain(info, dipoles_at([[0, 0, 0.7], [0, 0, 0.3]]))[0]
    assert shallow > 2 * deep > 0
