"""What MNE's epochs say of their trials."""

import mne
import numpy as np
import pandas as pd
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.decoding.cut_files import open_epochs

NAMES = ["O1", "Oz", "EOG"]


def saved(folder, *, metadata=None, event_id=None):
    data = np.arange(3 * 3 * 20, dtype=float).reshape(3, 3, 20) * 1e-6
    info = mne.create_info(NAMES, 100.0, ["eeg", "eeg", "eog"])
    events = np.array([[0, 0, 7], [50, 0, 9], [100, 0, 7]])
    epochs = mne.EpochsArray(
        data, info, events, tmin=-0.05, event_id=event_id or {"7": 7, "9": 9}, metadata=metadata, verbose="error"
    )
    epochs.save(folder / "x-epo.fif", verbose="error")
    return folder / "x-epo.fif"


def words(opened):
    return opened.words["word"].tolist(), opened.named


def test_samples_of_the_brain_by_row_and_trial(tmp_path):
    opened = open_epochs(saved(tmp_path), image_column=None)
    assert (opened.header.ch_names, opened.n_times, opened.tmin) == (["O1", "Oz"], 20, -0.05)
    np.testing.assert_allclose(
        opened.read(np.array([2, 0]), np.array([1])), 1e-6 * (np.array([140, 20])[:, None, None] + np.arange(20))
    )


def test_codes_or_the_names_of_codes(tmp_path):
    assert words(open_epochs(saved(tmp_path), image_column=None)) == ([7, 9, 7], False)
    (tmp_path / "named").mkdir()
    file = saved(tmp_path / "named", event_id={"cat.jpg": 7, "dog.jpg": 9})
    assert words(open_epochs(file, image_column=None)) == (["cat.jpg", "dog.jpg", "cat.jpg"], False)


def test_metadata_name_the_images_and_what_is_missing_is_unknown(tmp_path):
    file = saved(tmp_path, metadata=pd.DataFrame({"image": [" cat.jpg", None, "dog.jpg"], "code": [4, 5, 6]}))
    assert words(open_epochs(file, image_column=None)) == (["cat.jpg", "", "dog.jpg"], True)
    assert words(open_epochs(file, image_column="code")) == ([4, 5, 6], False)
    with pytest.raises(InputError, match="no metadata column 'imgae', but: image, code"):
        open_epochs(file, image_column="imgae")
