"""A real recording keeps its effect from a BIDS study to the epochs store."""

import numpy as np
import pytest

from pipeline_lib.recordings.store import open_store, write_store
from pipeline_lib.stimuli.catalogue import read_catalogue
from tests.recordings import n170
from tests.recordings.tiny_study import preprocessed, study_params

WINDOW = {"tmin": -0.1, "tmax": 0.8, "crop": {"start": -0.1, "stop": 0.8}, "sfreq": None}
WHOLE = {"filter": {"low": 1.0, "high": 30.0}, "max_repeats": {"train": None, "test": None}}


@pytest.fixture(scope="module")
def study(real_data, tmp_path_factory):
    root = tmp_path_factory.mktemp("n170") / "bids"
    n170.write_bids(real_data, root)
    pictures = real_data / "recordings" / "muse_n170" / "pictures"
    return study_params(layout="bids", root=root, images=pictures, stimuli=root / "images.csv", closed_set=True)


@pytest.fixture(scope="module")
def stored(study, project_root, tmp_path_factory):
    """Reads single trials and their labels from a store, with or without rejection."""
    import yaml

    from pipeline_lib.recordings.params import PreprocessParams

    section = yaml.safe_load((project_root / "params.yaml").read_text())["preprocess"] | WINDOW | WHOLE
    section["whitening"]["enabled"] = False
    table = read_catalogue(study)

    def read(reject):
        params = PreprocessParams.model_validate(section | {"reject_peak_to_peak": reject})
        result = preprocessed(study, params, "sub-6", table)
        path = tmp_path_factory.mktemp("store") / "sub-6.zarr.zip"
        write_store(path, result.data)
        parts = [open_store(path).trials(test=test) for test in (False, True)]
        faces = np.array(table.concepts([name for part in parts for name in part.image_ids])) == "faces"
        return np.concatenate([part.epochs for part in parts]), faces, result.dropped

    return read


def auc(epochs, faces):
    """Face against house, shrinkage LDA on 0.05 to 0.5 s, five folds."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    start = round(0.15 * n170.SFREQ)
    features = epochs[:, :, start : start + round(0.45 * n170.SFREQ) : 4].reshape(len(epochs), -1)
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return cross_val_score(lda, features * 1e6, faces, cv=folds, scoring="roc_auc").mean()


def test_faces_and_houses_are_told_apart_by_the_stored_trials(stored):
    epochs, faces, dropped = stored(75e-6)
    assert len(epochs) + dropped["peak-to-peak"] == 1174  # all that were shown
    assert len(epochs) == pytest.approx(1127, abs=20)
    assert auc(epochs, faces) >= 0.65  # 0.69-0.70 known
    shuffled = np.random.default_rng(0).permutation(faces)
    assert auc(epochs, shuffled) <= 0.55


def test_rejection_is_what_helps(stored):
    everything, faces, dropped = stored(None)
    assert "peak-to-peak" not in dropped
    assert 0.55 <= auc(everything, faces) <= 0.64  # 0.60 known
