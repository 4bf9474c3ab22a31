"""A tiny study in the layout things-eeg2, and the shipped parameters with some replaced."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline_lib.common.stimulus_table import COLUMNS, StimulusTable, checked_table
from pipeline_lib.recordings.params import PreprocessParams, StudyParams
from tests.recordings.tiny_study import raw_file, save_session, study_params


@pytest.fixture
def table() -> StimulusTable:
    """Three training and two test images, codes 1, 2, 3 and 1, 2, and one image that serves a class centre."""
    rows = [(f"train/{i}", f"train/{i}.jpg", f"thing {i}", "train", i) for i in (1, 2, 3)]
    rows += [(f"test/{i}", f"test/{i}.jpg", f"other {i}", "test", i) for i in (1, 2)]
    rows += [("center/1", "center/1.jpg", "other 1", "center", 0)]
    return checked_table(pd.DataFrame(rows, columns=list(COLUMNS)), where="table")


@pytest.fixture
def study(tmp_path: Path) -> StudyParams:
    """A study of one subject with two sessions, each image shown twice per session, and a target trial in each file."""
    for number in (1, 2):
        save_session(
            tmp_path / "raw" / "sub-01" / f"ses-{number:02d}",
            training=raw_file([1, 2, 99999, 3, 3, 2, 1], seed=number),
            test=raw_file([2, 1, 1, 99999, 2], seed=10 + number),
        )
    return study_params(layout="things-eeg2", root=tmp_path / "raw")


@pytest.fixture
def settings(params: dict[str, Any]) -> Callable[..., PreprocessParams]:
    """The shipped section `preprocess`, with keys replaced: ``settings(tmin=-0.1, whitening__enabled=False)``."""

    def build(**changes: Any) -> PreprocessParams:
        section = copy.deepcopy(params["preprocess"])
        for key, value in changes.items():
            *above, last = key.split("__")
            place = section
            for name in above:
                place = place[name]
            place[last] = value
        return PreprocessParams.model_validate(section)

    return build
