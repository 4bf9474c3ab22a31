"""What picking and checking channels promises."""

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.channels import (
    THINGS_EEG2,
    VISUAL_17,
    check_ranges,
    resolve_picks,
    rows_of_channels,
    take_rows,
)
from pipeline_lib.recordings.recording import Header


def resolved(picks, names, *, exclude=(), types="eeg"):
    kinds = [types] * len(names) if isinstance(types, str) else types
    return resolve_picks(picks, list(exclude), Header(names, kinds, 1000.0), where="a.npy")


def test_the_documented_order():
    assert len(THINGS_EEG2) == 63 == len(set(THINGS_EEG2))
    assert (len(VISUAL_17), VISUAL_17[0], VISUAL_17[4], VISUAL_17[-1]) == (17, "P7", "Pz", "O2")


def test_all_is_the_documented_order_where_the_63_are_present():
    shuffled = [name.upper() for name in reversed(THINGS_EEG2)]
    assert resolved("all", shuffled) == list(THINGS_EEG2)
    assert resolved("all", ["EXG1", *shuffled]) == [*THINGS_EEG2, "EXG1"]


def test_all_is_the_order_of_the_file_elsewhere():
    assert resolved("all", ["Pz", "Cz", "Oz"]) == ["Pz", "Cz", "Oz"]


def test_named_picks():
    assert resolved("visual-17", ["Pz"]) == list(VISUAL_17)
    assert resolved(["Oz", "Pz"], ["Pz", "Cz", "Oz"]) == ["Oz", "Pz"]


def test_the_17_eeg_channels_are_not_looked_for_among_meg_sensors():
    with pytest.raises(InputError, match=r"visual-17, which are EEG channels, .* MEG sensors alone; set it to all"):
        resolved("visual-17", ["MLC11", "MLC12"], types="mag")


def test_eeg_and_meg_together_must_be_chosen_from():
    names, types = ["Oz", "MLC11", "Pz", "MLC12"], ["eeg", "mag", "eeg", "grad"]
    assert resolved("eeg", names, types=types) == ["Oz", "Pz"]
    assert resolved("meg", names, types=types) == ["MLC11", "MLC12"]
    with pytest.raises(InputError, match=r"a\.npy: holds EEG and MEG channels; set preprocess.picks to eeg or meg"):
        resolved("all", names, types=types)
    with pytest.raises(InputError, match=r"picks=meg keeps no channel of: Oz, Pz"):
        resolved("meg", ["Oz", "Pz"])


def test_a_channel_is_excluded_by_its_name_or_by_what_precedes_the_dash():
    sensors = ["MLC11-1609", "MRO11-1609", "MRO12-1609"]
    assert resolved("all", sensors, exclude=["MRO11"], types="mag") == ["MLC11-1609", "MRO12-1609"]
    assert resolved("all", ["Oz", "Pz"], exclude=["oz"]) == ["Pz"]
    with pytest.raises(
        InputError, match=r"preprocess.exclude names 'MRO1-1609', which is not there; did you mean 'MRO1"
    ):
        resolved("all", sensors, exclude=["MRO1-1609"], types="mag")
    with pytest.raises(InputError, match="keeps no channel"):
        resolved("all", ["Oz"], exclude=["Oz"])


def test_sensors_are_found_whatever_number_the_site_adds():
    assert rows_of_channels(["MRO12-1609", "MLC11"], ["MLC11-4304", "MRO12-4304"], where="x").tolist() == [1, 0]
    ambiguous = ["C3-M1", "C3-M2", "C4"]
    assert rows_of_channels(["C3-M2"], ambiguous, where="x").tolist() == [1]
    with pytest.raises(InputError, match="channels are missing: C3"):
        rows_of_channels(["C3"], ambiguous, where="x")


def test_rows_follow_the_picks_whatever_the_case():
    assert rows_of_channels(["Oz", "pz"], ["PZ", "Cz", "OZ"], where="x").tolist() == [2, 0]


def test_a_missing_channel_is_named_with_a_suggestion():
    with pytest.raises(InputError, match=r"a\.npy: channels are missing: POz; present: POzz, Oz; did you mean 'POzz'"):
        rows_of_channels(["Oz", "POz"], ["POzz", "Oz"], where="a.npy")


def test_a_doubled_channel_is_named():
    with pytest.raises(InputError, match=r"a\.npy: channel names stand there more than once: oz"):
        rows_of_channels(["Oz"], ["Oz", "OZ"], where="a.npy")


def test_neighbouring_rows_are_not_copied():
    data = np.arange(12.0).reshape(4, 3)
    assert np.shares_memory(take_rows(data, [1, 2]), data)
    assert np.array_equal(take_rows(data, [1, 2]), data[1:3])
    assert np.array_equal(take_rows(data, np.array([2, 0])), data[[2, 0]])


def checked(data, *, keep_flat):
    check_ranges(data.min(axis=1), data.max(axis=1), ["Pz", "Oz", "Cz"], keep_flat=keep_flat, where="a.npy")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_names_its_channel(value):
    data = np.random.default_rng(0).standard_normal((3, 50))
    data[1, 30] = value
    for keep_flat in (True, False):
        with pytest.raises(InputError, match=r"a\.npy: channels hold NaN or infinite values: Oz; leave them out"):
            checked(data, keep_flat=keep_flat)


def test_a_flat_channel_is_named_or_kept():
    data = np.random.default_rng(0).standard_normal((3, 50))
    data[2] = 1e-5
    checked(data, keep_flat=True)
    with pytest.raises(InputError, match=r"channels are flat, one value throughout: Cz; .*flat_channels=keep"):
        checked(data, keep_flat=False)
