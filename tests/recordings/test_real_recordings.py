"""Real recordings of three makers go from a BIDS folder to the epochs store; their events are made up."""

import mne
import numpy as np
import pandas as pd
import pytest
from mne_bids.copyfiles import copyfile_brainvision, copyfile_ctf, copyfile_eeglab

from pipeline_lib.recordings.store import open_store, write_store
from pipeline_lib.recordings.whitening import fit_whitening
from pipeline_lib.stimuli.catalogue import read_catalogue
from tests.recordings.tiny_study import preprocessed, study_params

SPLITS = ["train", "test", "train", "test"]


@pytest.fixture
def stored(tmp_path, settings):
    """Copies a recording into a study with events of its own, and gives its store and how MNE itself reads it."""

    def run(copy, source, kind, ending, seconds, **changes):
        folder = tmp_path / "study" / "sub-01" / kind
        folder.mkdir(parents=True)
        copy(source, folder / f"sub-01_task-made_{kind}{ending}")
        images = [f"{split}-{i % 2}/picture{i}.jpg" for i, split in enumerate(SPLITS)]
        pictures = tmp_path / "pictures"
        for image in images:
            (pictures / image).parent.mkdir(parents=True, exist_ok=True)
            (pictures / image).touch()
        onsets = np.linspace(*seconds, len(images))
        events = pd.DataFrame({"onset": onsets, "duration": 0.0, "stim_file": images, "split": SPLITS})
        events["concept"] = [f"thing {i}" for i in range(len(images))]
        events.to_csv(folder / "sub-01_task-made_events.tsv", sep="\t", index=False)
        study = study_params(layout="bids", root=tmp_path / "study", images=pictures, stimuli=tmp_path / "study")
        params = settings(tmin=-0.1, tmax=0.3, crop={"start": 0.0, "stop": 0.2}, sfreq=None, **changes)
        write_store(tmp_path / "x.zarr.zip", preprocessed(study, params, "sub-01", read_catalogue(study)).data)
        return open_store(tmp_path / "x.zarr.zip"), onsets

    return run


def expected(raw, names, onsets):
    """Epochs of 0 to 0.2 s, less the mean of the 0.1 s before onset, cut by hand."""
    data, sfreq = raw.get_data(picks=names), raw.info["sfreq"]
    epochs = []
    for onset in np.round(onsets * sfreq).astype(int):
        before = data[:, onset - round(0.1 * sfreq) : onset + 1].mean(axis=1, keepdims=True)
        epochs.append(data[:, onset : onset + int(np.ceil(round(0.2 * sfreq, 6)))] - before)
    return np.array(epochs)


def check(store, raw, onsets, names):
    assert store.ch_names == names
    assert store.sfreq == raw.info["sfreq"]
    whole = expected(raw, names, onsets)
    for test in (False, True):
        rows = [i for i, split in enumerate(SPLITS) if (split == "test") == test]
        np.testing.assert_allclose(store.trials(test=test).epochs, whole[rows], rtol=1e-4, atol=1e-6 * whole.std())


PLAIN = {"whitening__enabled": False}


def test_ctf_without_its_reference_channels_and_without_mro11(stored, real_data):
    source = real_data / "recordings" / "ctf" / "testdata_ctf_short_discontinuous.ds"
    store, onsets = stored(copyfile_ctf, source, "meg", ".ds", (0.3, 1.5), picks="meg", exclude=["MRO11"], **PLAIN)
    raw = mne.io.read_raw_ctf(source, system_clock="ignore", preload=True, verbose="error")
    sensors = [name for name in raw.copy().pick("meg", exclude=[]).ch_names if name[0] == "M"]
    sensors = [name for name in sensors if raw.get_channel_types([name]) == ["mag"]]
    assert (len(sensors), store.n_channels) == (273, 272)
    assert not [name for name in store.ch_names if name.startswith(("MRO11", "B", "G", "P", "Q", "R", "SCLK"))]
    check(store, raw, onsets, [name for name in sensors if not name.startswith("MRO11")])


def test_brainvision_with_its_eeg_channels_alone(stored, real_data):
    source = real_data / "recordings" / "mne_brainvision" / "test.vhdr"
    store, onsets = stored(copyfile_brainvision, source, "eeg", ".vhdr", (1.0, 6.0), flat_channels="keep", **PLAIN)
    raw = mne.io.read_raw_brainvision(source, preload=True, verbose="error")
    assert store.n_channels == 26
    check(store, raw, onsets, raw.copy().pick("eeg").ch_names)


def test_eeglab_whitened_by_its_training_trials(stored, real_data):
    source = real_data / "recordings" / "eeglab_sample" / "eeglab_data.set"
    store, onsets = stored(copyfile_eeglab, source, "eeg", ".set", (10.0, 200.0))
    raw = mne.io.read_raw_eeglab(source, preload=True, verbose="error")
    assert (store.n_channels, store.sfreq, store.attrs["whitening"]) == (32, 128.0, "own-training-trials")
    plain, test = expected(raw, store.ch_names, onsets), np.array(SPLITS) == "test"
    w = fit_whitening(plain, np.arange(4), test, covariance="epochs", fit_on="train", where="x").matrix
    for part in (False, True):
        np.testing.assert_allclose(store.trials(test=part).epochs, w @ plain[test == part], atol=1e-3)
