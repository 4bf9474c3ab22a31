"""Regions of sensors by their names, for every naming system that the studies have."""

from collections import Counter

import pytest

from pipeline_lib.analysis.sensor_groups import REGIONS, region_of, regions_of
from pipeline_lib.phantom.electrodes import CHANNELS
from pipeline_lib.phantom.helmet import sensor_names

CAP = {
    "occipital": "PO7 PO3 POz PO4 PO8 O1 Oz O2",
    "parietal": "CP5 CP3 CP1 CPz CP2 CP4 CP6 P7 P5 P3 P1 Pz P2 P4 P6 P8",
    "temporal": "FT9 FT7 FT8 FT10 T7 T8 TP9 TP7 TP8 TP10",
    "central": "FC5 FC3 FC1 FCz FC2 FC4 FC6 C5 C3 C1 Cz C2 C4 C6",
    "frontal": "Fp1 Fp2 AF7 AF3 AFz AF4 AF8 F7 F5 F3 F1 F2 F4 F6 F8",
}


def test_the_cap_of_things_eeg2():
    expected = {name: region for region, names in CAP.items() for name in names.split()}
    assert {name: region_of(name) for name in CHANNELS} == expected


def test_every_site_of_the_10_5_system_but_the_earlobes_has_a_region():
    mne = pytest.importorskip("mne")
    names = mne.channels.make_standard_montage("colin27_1005").ch_names
    assert {name for name in names if region_of(name) is None} <= {"A1", "A2", "M1", "M2"}


def test_regions_follow_one_another_from_front_to_back():
    mne = pytest.importorskip("mne")
    places = mne.channels.make_standard_montage("colin27_1005").get_positions()["ch_pos"]
    depth = {region: [] for region in REGIONS}
    for name, place in places.items():
        if (region := region_of(name)) is not None:
            depth[region].append(place[1])
    mean = {region: sum(values) / len(values) for region, values in depth.items()}
    assert mean["frontal"] > mean["central"] > mean["parietal"] > mean["occipital"]


@pytest.mark.parametrize(
    ("name", "region"),
    [
        ("oz", "occipital"),
        ("EEG FPZ", "frontal"),
        ("EEG O2-REF", "occipital"),
        ("Fc5.", "central"),
        ("T3", "temporal"),
        ("POO9h", "occipital"),
        ("PPO1h", "parietal"),
        ("FFC3h", "frontal"),
        ("FCC3h", "central"),
        ("Iz", "occipital"),
        ("MLO11", "occipital"),
        ("MRT57-1609", "temporal"),
        ("MZC01", "central"),
        ("MEG 0113", "temporal"),
        ("MEG2113", "occipital"),
        ("A1", None),
        ("HEOG", None),
        ("EOG", None),
        ("Status", None),
        ("MEG 001", None),
        ("MEG 9999", None),
        ("BG1", None),
        ("C17", None),
        ("E1", None),
        ("1", None),
        ("", None),
        ("P", None),
        ("O11", None),
    ],
)
def test_names_one_by_one(name, region):
    assert region_of(name) == region


def test_every_sensor_of_the_ctf_helmet_has_the_region_of_its_name():
    pytest.importorskip("mne")
    words = {"O": "occipital", "P": "parietal", "T": "temporal", "C": "central", "F": "frontal"}
    assert all(region_of(name) == words[name[2]] for name in sensor_names())
    assert set(map(region_of, sensor_names())) == set(REGIONS)


def test_every_sensor_of_the_neuromag_helmet_has_a_region_and_lies_where_it_says():
    mne = pytest.importorskip("mne")
    layout = mne.channels.read_layout("Vectorview-all")
    regions = [region_of(name) for name in layout.names]
    assert set(regions) == set(REGIONS)
    assert [region_of(name.replace(" ", "")) for name in layout.names] == regions
    height = {
        region: layout.pos[[found == region for found in regions], 1].mean() for region in ("occipital", "frontal")
    }
    assert height["occipital"] < 0.35 < 0.65 < height["frontal"]
    assert min(Counter(regions).values()) >= 30


def test_a_few_names_that_look_like_electrodes_are_taken_for_nothing():
    biosemi = [f"{letter}{number}" for letter in "ABCD" for number in range(1, 33)]
    assert any(region_of(name) for name in biosemi)
    assert regions_of(biosemi) == [None] * 128
    assert regions_of(["Oz", "Status"]) == ["occipital", None]
    assert regions_of([]) == []
