"""Where sensors lie in the flat drawing."""

import numpy as np
import pytest
from mne.channels import make_standard_montage, read_layout

from pipeline_lib.analysis.sensors import flat_positions, sensor_kind
from pipeline_lib.phantom.electrodes import CHANNELS
from pipeline_lib.phantom.helmet import sensor_names


def places(*names):
    return dict(zip(names, flat_positions(names), strict=True))


def test_electrodes_lie_where_their_names_say():
    at = places("Oz", "Fpz", "Cz", "C3", "C4", "T7", "T8", "P3")
    np.testing.assert_allclose([at["Cz"], at["Oz"], at["Fpz"]], [[0, 0], [0, -1], [0, 1]], atol=0.11)
    np.testing.assert_allclose([at["T7"], at["T8"]], [[-1, 0], [1, 0]], atol=0.1)
    assert at["T7"][0] < at["C3"][0] < 0 < at["C4"][0] < at["T8"][0]
    assert at["Oz"][1] < at["P3"][1] < at["C3"][1]


def test_angles_from_the_vertex_keep_their_size():
    at = places("Cz", "C3", "T7")
    assert np.linalg.norm(at["C3"]) == pytest.approx(np.linalg.norm(at["T7"]) / 2, rel=0.1)


def test_the_montage_is_the_standard_one():
    names = make_standard_montage("colin27_1005").ch_names
    assert np.isfinite(flat_positions(names)).all()
    with pytest.warns(FutureWarning):
        assert make_standard_montage("standard_1005").ch_names == names


def test_all_sensors_of_the_phantom_have_a_place_of_their_own():
    for names in (CHANNELS, sensor_names()):
        found = flat_positions(names)
        assert np.isfinite(found).all()
        assert len(np.unique(found.round(4), axis=0)) == len(names)


@pytest.mark.parametrize(
    ("left", "right", "back", "front"),
    [("MLT14", "MRT14", "MZO01", "MZF01"), ("MEG 0131", "MEG 1441", "MEG 2121", "MEG 0811")],
)
def test_meg_sensors_lie_where_their_names_say(left, right, back, front):
    at = places(left, right, back, front)
    assert at[left][0] < -0.3
    assert at[right][0] == pytest.approx(-at[left][0], abs=0.1)
    assert at[back][1] < -0.3 < 0.3 < at[front][1]
    assert abs(at[back][0]) < 0.1 > abs(at[front][0])


def test_the_smaller_ctf_helmet_is_told_by_its_own_sensors():
    names = [name for name in read_layout("CTF151.lay").names if name.startswith("M")]
    assert np.isfinite(flat_positions(names)).all()
    assert not np.allclose(flat_positions(names)[:1], flat_positions(["MLC11"]))


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("oz", "Oz"),
        (" OZ ", "Oz"),
        ("EEG Fp1", "Fp1"),
        ("Fc5.", "FC5"),
        ("MLO11-1609", "MLO11"),
        ("MEG0113", "MEG 0113"),
    ],
)
def test_spellings_of_one_name_are_one_sensor(written, name):
    np.testing.assert_array_equal(flat_positions([written]), flat_positions([name]))
    assert np.isfinite(flat_positions([written])).all()


def test_unknown_names_have_no_place_and_leave_the_others_theirs():
    found = flat_positions(["Oz", "unit7", "", "COMNT", "SCALE", "EEG"])
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1:]).all()
    assert flat_positions([]).shape == (0, 2)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Oz", "electrodes"),
        ("MEG 0111", "magnetometers"),
        ("MEG0112", "gradiometers"),
        ("MEG 0113", "gradiometers"),
        ("MLO11-1609", "magnetometers"),
        ("unit7", "electrodes"),
    ],
)
def test_kinds_of_sensors(name, kind):
    assert sensor_kind(name) == kind
