"""What picking and checking channels promises."""

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.channels import (
    THINGS_EEG2,
    VISUAL_17,
    check_signals,
    resolve_picks,
    rows_of_channels,
    take_rows,
)


def test_the_documented_order():
    assert len(THINGS_EEG2) == 63 == len(set(THINGS_EEG2))
    assert (len(VISUAL_17), VISUAL_17[0], VISUAL_17[4], VISUAL_17[-1]) == (17, "P7", "Pz", "O2")


def test_all_is_the_documented_order_where_the_63_are_present():
    shuffled = [name.upper() for name in reversed(THINGS_EEG2)]
    assert resolve_picks("all", shuffled) == list(THINGS_EEG2)
    assert resolve_picks("all", ["EXG1", *shuffled]) == [*THINGS_EEG2, "EXG1"]


def test_all_is_the_order_of_the_file_elsewhere():
    assert resolve_picks("all", ["Pz", "Cz", "Oz"]) == ["Pz", "Cz", "Oz"]


def test_named_picks():
    assert resolve_picks("visual-17", ["Pz"]) == list(VISUAL_17)
    assert resolve_picks(["Oz", "Pz"], ["Pz", "Cz", "Oz"]) == ["Oz", "Pz"]


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


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_names_its_channel(value):
    data = np.random.default_rng(0).standard_normal((3, 50))
    data[1, 30] = value
    for keep_flat in (True, False):
        with pytest.raises(InputError, match=r"a\.npy: channels hold NaN or infinite values: Oz; leave them out"):
            check_signals(data, ["Pz", "Oz", "Cz"], keep_flat=keep_flat, where="a.npy")


def test_a_flat_channel_is_named_or_kept():
    data = np.random.default_rng(0).standard_normal((3, 50))
    data[2] = 1e-5
    check_signals(data, ["Pz", "Oz", "Cz"], keep_flat=True, where="a.npy")
    with pytest.raises(InputError, match=r"channels are flat, one value throughout: Cz; .*flat_channels=keep"):
        check_signals(data, ["Pz", "Oz", "Cz"], keep_flat=False, where="a.npy")
