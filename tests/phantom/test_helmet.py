"""What the MEG helmet promises."""

import mne
import numpy as np
import pytest

from pipeline_lib.phantom.forward import HEAD_RADIUS
from pipeline_lib.phantom.helmet import BROKEN, RADIUS, coil_places, helmet_gain, sensor_names
from tests.phantom.dipoles import dipoles_at

BASELINE, COIL_RADIUS = 0.05, 0.009  # metres, of CTF's gradiometers
NAMES = sensor_names()
WORKING = [name for name in NAMES if name != BROKEN]
PLACE, TANGENTIAL = [0.3, -0.5, 0.4], [1, 0.6, 0]


def sarvas(points, moment, origin):
    """The magnetic field of a dipole in a sphere around zero, by the formula; all in SI units."""
    away = points - origin
    a, r = (np.linalg.norm(vectors, axis=-1, keepdims=True) for vectors in (away, points))
    along = (away * points).sum(axis=-1, keepdims=True)
    f = a * (r * a + r**2 - (points @ origin)[..., None])
    gradient = (a**2 / r + along / a + 2 * a + 2 * r) * points - (a + 2 * r + along / a) * origin
    turned = np.cross(moment, origin)
    return 1e-7 * (f * turned - (points @ turned)[..., None] * gradient) / f**2


def plain_gradiometers(moment, origin):
    """Flux density through the inner minus the outer coil: the mean over a ring stands for that over the disk."""
    places = coil_places(WORKING)
    center, across, along, outward = places[:, :3], places[:, 3:6], places[:, 6:9], places[:, 9:]
    fields = []
    for angle in np.arange(16) * np.pi / 8:
        ring = center + COIL_RADIUS / np.sqrt(2) * (np.cos(angle) * across + np.sin(angle) * along)
        difference = sarvas(ring, moment, origin) - sarvas(ring + BASELINE * outward, moment, origin)
        fields.append((difference * outward).sum(axis=1))
    return np.mean(fields, axis=0)


def directions(prefix):
    return coil_places([name for name in NAMES if name.startswith(prefix)])[:, 9:]


def test_sensors_are_those_of_the_real_files(real_data):
    sidecar = real_data / "things-meg-bids/sub-BIGMEG1/ses-01/meg/sub-BIGMEG1_ses-01_task-main_run-01_channels.tsv"
    rows = [line.split("\t") for line in sidecar.read_text(encoding="utf-8").splitlines()]
    assert [row[0].split("-")[0] for row in rows if row[1] == "OTHER"] == NAMES


def test_there_are_271_working_ones_outside_the_head():
    assert len(set(NAMES)) == 272
    assert len(WORKING) == 271
    distance = np.linalg.norm(coil_places(NAMES)[:, :3], axis=1)
    assert distance == pytest.approx(RADIUS)
    assert RADIUS > HEAD_RADIUS + 0.01


def test_no_two_sensors_are_closer_than_their_coils_allow():
    places = coil_places(NAMES)[:, :3]
    apart = np.linalg.norm(places[:, None] - places, axis=2) + np.eye(len(places))
    assert apart.min() > 0.015


def test_names_say_where_a_sensor_is():
    assert directions("ML")[:, 0].max() < 0 < directions("MR")[:, 0].min()
    assert np.abs(directions("MZ")[:, 0]).max() < 0.05
    for side in "LR":
        occipital, frontal, central, temporal, parietal = (directions(f"M{side}{region}") for region in "OFCTP")
        assert occipital[:, 1].max() < -0.6
        assert frontal[:, 1].mean() > 0.5
        assert central[:, 2].mean() > parietal[:, 2].mean() > occipital[:, 2].mean()
        assert np.abs(temporal[:, 0]).mean() > np.abs(central[:, 0]).mean()
        assert temporal[:, 2].mean() < 0


def test_left_and_right_are_mirror_images():
    pairs = [name for name in NAMES if name.startswith("ML") and "MR" + name[2:] in NAMES]
    left, right = coil_places(pairs)[:, 9:], coil_places(["MR" + name[2:] for name in pairs])[:, 9:]
    assert len(pairs) > 125
    assert left * [-1, 1, 1] == pytest.approx(right, abs=0.06)


def test_sensors_are_where_a_real_recording_has_them(real_data):
    file = next((real_data / "recordings/ctf").glob("*.ds"))
    channels = mne.io.read_raw_ctf(file, system_clock="ignore", verbose="error").info["chs"]
    real = {channel["ch_name"].split("-")[0]: channel["loc"][:3] for channel in channels}
    common = [name for name in NAMES if name in real]
    places = np.array([real[name] for name in common])
    center = np.linalg.lstsq(np.c_[2 * places, np.ones(len(places))], (places**2).sum(axis=1))[0][:3]
    outward = (places - center) / np.linalg.norm(places - center, axis=1, keepdims=True)
    angle = np.degrees(np.arccos((outward * coil_places(common)[:, 9:]).sum(axis=1)))
    assert len(common) > 265
    assert np.median(angle) < 4
    assert angle.max() < 8


def test_each_sensor_has_its_own_right_handed_frame():
    across, along, outward = np.split(coil_places(NAMES)[:, 3:], 3, axis=1)
    assert np.cross(across, along) == pytest.approx(outward)
    assert np.linalg.norm(across, axis=1) == pytest.approx(1)


@pytest.mark.parametrize(("place", "moment"), [(PLACE, TANGENTIAL), ([-0.6, -0.2, 0.3], [0.2, 1, 0.5])])
def test_fields_are_those_of_the_formula(place, moment):
    unit = np.array(moment) / np.linalg.norm(moment)
    expected = plain_gradiometers(unit, HEAD_RADIUS * np.array(place))
    gain = helmet_gain(dipoles_at([place], [moment]))[:, 0]
    assert gain == pytest.approx(expected, abs=0.005 * np.abs(expected).max())


def test_a_radial_dipole_is_silent():
    radial, tangential = np.abs(helmet_gain(dipoles_at([PLACE, PLACE], [PLACE, TANGENTIAL]))).max(axis=0)
    assert radial < 1e-9 * tangential


def test_ten_nanoampere_metres_in_the_cortex_are_about_a_hundred_femtotesla():
    peak = np.abs(helmet_gain(dipoles_at([PLACE], [TANGENTIAL]))).max() * 10e-9
    assert 50e-15 < peak < 300e-15


def test_an_occipital_dipole_is_loudest_at_occipital_and_parietal_sensors():
    for side, letter in ((-1, "L"), (1, "R")):
        field = np.abs(helmet_gain(dipoles_at([[side * 0.3, -0.65, 0.15]], [[0, 0, 1]]))[:, 0])
        loudest = [WORKING[row] for row in np.argsort(-field)[:10]]
        assert {name[2] for name in loudest} <= set("OPT")
        assert loudest[0][1] == letter
