"""Interpolated channels are those that MNE's own interpolation makes."""

from pathlib import Path

import mne
import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.decoding.interpolation import interpolation_weights, most_interpolated
from tests.decoding.small_study import CHANNELS

pytestmark = pytest.mark.filterwarnings("ignore:Montage name")  # the new name is not known to older versions of MNE
FILE = Path("new_raw.fif")
BAD = ["Cz", "PO7"]
ROWS = {name: row for row, name in enumerate(CHANNELS)}


def weights(rows=ROWS, wanted=BAD, info=None, kind="eeg", montage="standard_1005"):
    return interpolation_weights(wanted, rows, kind, info=info, montage=montage, file=FILE)


def raw_with_positions(montage="standard_1005"):
    rng = np.random.default_rng(0)
    raw = mne.io.RawArray(
        rng.normal(size=(len(CHANNELS), 50)), mne.create_info(CHANNELS, 100.0, "eeg"), verbose="error"
    )
    return raw.set_montage(montage)


def expected(raw):
    raw = raw.copy()
    raw.info["bads"] = list(BAD)
    return raw.interpolate_bads(verbose="error").get_data(picks=BAD)


def used(raw):
    return raw.get_data(picks=[name for name in CHANNELS if name not in BAD])


def test_as_mne_does_by_a_standard_cap():
    raw = raw_with_positions()
    absent = {name: row for name, row in ROWS.items() if name not in BAD}
    for rows in (ROWS, absent):
        np.testing.assert_allclose(weights(rows) @ used(raw), expected(raw), atol=1e-9)


def test_digitised_positions_go_before_the_cap():
    raw = raw_with_positions("easycap-M1")
    own = weights(info=raw.info)
    np.testing.assert_allclose(own @ used(raw), expected(raw), atol=1e-9)
    assert np.abs(own - weights()).max() > 1e-3


def test_positions_of_absent_channels_are_the_caps():
    raw = raw_with_positions("easycap-M1")
    absent = {name: row for name, row in ROWS.items() if name not in BAD}
    np.testing.assert_allclose(weights(absent, info=raw.info), weights(), atol=1e-12)


def test_names_in_another_case():
    lower = {name.lower(): row for name, row in ROWS.items()}
    np.testing.assert_allclose(weights(lower, [name.lower() for name in BAD]), weights(), atol=1e-12)


def test_sensors_that_nobody_places():
    with pytest.raises(
        InputError, match="the standard cap standard_1005 does not place E1, and the recording does not"
    ):
        weights(ROWS | {"E1": 20})
    with pytest.raises(InputError, match="where the sensors Cz, PO7 are is not in the recording"):
        weights(kind="meg")
    with pytest.raises(InputError, match="--montage is 'standart', which is no standard cap of MNE"):
        weights(montage="standart")


def test_a_tenth():
    assert [most_interpolated(n) for n in (9, 10, 20, 63, 271)] == [0, 1, 2, 6, 27]
