"""A recording is one of the model's sessions by its file's name only where that tells whose it is."""

from pathlib import Path

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.decoding.sessions import session_of
from pipeline_lib.recordings.fitted import Fitted

UNIT = np.eye(2)
RAW = {1: ["ses-01/raw_eeg_training.npy", "ses-01/raw_eeg_test.npy"], 2: ["ses-02/raw_eeg_test.npy"]}
BIDS = {1: ["ses-01/eeg/sub-02_ses-01_task-test_eeg.vhdr"]}
PEOPLE = {"sub-01": Fitted({1: UNIT, 2: UNIT}, sessions=RAW), "sub-02": Fitted({1: UNIT}, sessions=BIDS)}


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("/study/sub-01/ses-02/raw_eeg_test.npy", ("sub-01", 2)),
        ("/study/sub-03/ses-02/raw_eeg_test.npy", ("", 0)),
        ("/copied/raw_eeg_test.npy", ("", 0)),
        ("/copied/sub-02_ses-01_task-test_eeg.vhdr", ("sub-02", 1)),
        ("/copied/sub-02_ses-02_task-test_eeg.vhdr", ("", 0)),
    ],
)
def test_by_name(file, expected):
    assert session_of(Path(file), PEOPLE, None, fitted=True) == expected


def test_a_file_of_several_sessions_is_none_of_them():
    people = {"P1": Fitted({1: UNIT, 2: UNIT}, sessions={1: ["p-epo.fif"], 2: ["p-epo.fif"]})}
    assert session_of(Path("/x/P1/p-epo.fif"), people, None, fitted=True) == ("", 0)


def test_by_number():
    one = {"sub-01": PEOPLE["sub-01"]}
    assert session_of(Path("new.npy"), one, 2, fitted=True) == ("sub-01", 2)
    assert session_of(Path("new.npy"), one, 7, fitted=False) == ("", 7)
    with pytest.raises(InputError, match="--session is 7, allowed: 1, 2"):
        session_of(Path("new.npy"), one, 7, fitted=True)
    with pytest.raises(InputError, match="trained on 2 people; name one with --subject"):
        session_of(Path("new.npy"), PEOPLE, 1, fitted=True)
