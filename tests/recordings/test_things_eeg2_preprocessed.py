"""What the reader of the layout `things-eeg2-preprocessed` promises."""

import pickle

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.channels import VISUAL_17
from pipeline_lib.recordings.things_eeg2_preprocessed import LAYOUT
from tests.recordings.tiny_study import preprocessed, study_params

CHANNELS = [*VISUAL_17[::-1]]
TIMES = np.arange(-20, 80) / 100


def content(n_images=3, n_repeats=4, times=TIMES, n_times=None, seed=0):
    """A file's content; as in the 17-channel files unless told."""
    shape = (n_images, n_repeats, len(CHANNELS), n_times or len(times))
    data = np.random.default_rng(seed).standard_normal(shape)
    return {"preprocessed_eeg_data": data, "ch_names": CHANNELS, "times": times}


def save_numpy(path, value):
    np.save(path, value)


def save_pickle(path, value):
    path.write_bytes(pickle.dumps(value, protocol=4))


@pytest.fixture(params=[save_numpy, save_pickle])
def save(request, tmp_path):
    """Saves files of sub-01 by partition, in either container."""
    (tmp_path / "sub-01").mkdir()

    def save_all(**contents):
        for partition, value in contents.items():
            request.param(tmp_path / "sub-01" / f"preprocessed_eeg_{partition}.npy", value)

    return save_all


@pytest.fixture
def study(tmp_path):
    """The study whose root is the test's folder."""
    return study_params(layout="things-eeg2-preprocessed", root=tmp_path)


def test_trials_are_numbered_by_image_then_repeat(save, study):
    training, test = content(), content(n_images=2, n_repeats=5, seed=1)
    save(training=training, test=test)
    runs = LAYOUT.runs(study, "sub-01")
    assert [(run.session, run.file.name, run.tmin) for run in runs] == [
        (1, "preprocessed_eeg_training.npy", -0.2),
        (1, "preprocessed_eeg_test.npy", -0.2),
    ]
    assert runs[0].header().ch_names == CHANNELS  # the file's order: the study picks by name
    assert (runs[0].header().ch_types, runs[0].header().sfreq) == (["eeg"] * 17, 100.0)
    events = runs[0].events()
    assert events["image"].tolist() == [1] * 4 + [2] * 4 + [3] * 4
    assert events["onset"].tolist() == list(range(12))
    assert set(events["split"]) == {"train"}
    assert set(runs[1].events()["split"]) == {"test"}
    for row, image in enumerate(runs[1].events()["image"]):
        (trial,) = runs[1].read(np.array([row]))
        assert np.array_equal(trial, test["preprocessed_eeg_data"][image - 1, row % 5])


def test_chosen_repeats_are_kept_and_their_whitening_is_named(save, study, settings, table):
    save(training=content(n_repeats=4), test=content(n_images=2, n_repeats=30))
    changes = {"sfreq": None, "crop": {"start": 0.0, "stop": 0.8}}
    data = preprocessed(study, settings(**changes, whitening__enabled=False), "sub-01", table).data
    assert (np.sum(~data.test), np.sum(data.test)) == (12, 60)  # 2 and 20 per session is what their authors kept
    assert data.whitening == "by-those-who-shared-the-trials"
    again = preprocessed(study, settings(**changes), "sub-01", table).data
    assert again.whitening == "by-those-who-shared-the-trials, then own-training-trials"


def test_rows_come_in_the_order_asked_for(save, study):
    training = content()
    save(training=training)
    (run,) = LAYOUT.runs(study, "sub-01")
    rows = np.array([11, 0, 5, 5])
    expected = training["preprocessed_eeg_data"].reshape(12, 17, 100)[rows]
    assert np.array_equal(run.read(rows), expected)
    assert run.read(np.array([], dtype=int)).shape == (0, 17, 100)


def test_a_file_of_fortran_order_is_read_the_same(save, study):
    training = content()
    expected = training["preprocessed_eeg_data"].reshape(12, 17, 100)
    training["preprocessed_eeg_data"] = np.asfortranarray(training["preprocessed_eeg_data"])
    save(training=training)
    (run,) = LAYOUT.runs(study, "sub-01")
    assert np.array_equal(run.read(np.arange(12)), expected)


def test_times_longer_than_the_trials_end_with_theirs(save, study):
    save(test=content(times=np.arange(-50, 250) / 250, n_times=250))
    (run,) = LAYOUT.runs(study, "sub-01")
    assert (run.tmin, run.header().sfreq, run.read(np.array([0])).shape) == (0.0, 250.0, (1, 17, 250))
    training, times = LAYOUT.defects(study, "sub-01")
    assert (training.place.name, training.what) == ("preprocessed_eeg_training.npy", "no trials of the train images")
    assert times.what == "times names 300 samples, the trials have 250"
    assert times.action == "the last 250 times are theirs: they begin at onset"


@pytest.mark.parametrize(
    ("times", "tmin", "sfreq"),
    [
        (TIMES.astype(np.float32), -0.2, 100.0),
        (list(TIMES), -0.2, 100.0),
        (np.arange(100) / 83.25, 0.0, 83.25),
        (np.arange(100) * 3 / 1000, 0.0, 333.333333),
        (0.1 + np.arange(100) / 250, 0.1, 250.0),
    ],
)
def test_rate_and_start_are_those_of_the_times(save, study, times, tmin, sfreq):
    save(training=content(times=times))
    (run,) = LAYOUT.runs(study, "sub-01")
    assert (run.tmin, run.header().sfreq) == (tmin, sfreq)


def put(key, value):
    return lambda content: content.update({key: value})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: content.pop("times"), "keys are missing: times; it holds: preprocessed_eeg_data, ch_names"),
        (lambda content: content.pop("ch_names"), "keys are missing: ch_names"),
        (put("preprocessed_eeg_data", np.zeros((3, 17, 100))), r"has shape \(3, 17, 100\), expected \(images, repeats"),
        (put("preprocessed_eeg_data", np.zeros((3, 4, 16, 100))), r"expected \(images, repeats, 17 channels, times\)"),
        (put("preprocessed_eeg_data", np.zeros((0, 4, 17, 100))), r"has shape \(0, 4, 17, 100\)"),
        (put("preprocessed_eeg_data", np.zeros((3, 4, 17, 100), dtype="S1")), r"real numbers, is \|S1"),
        (put("preprocessed_eeg_data", [1, 2]), "real numbers, is list"),
        (put("ch_names", "O1"), "ch_names must be a list of names, is a str"),
        (put("times", np.arange(90) / 100), "times names 90 samples, but preprocessed_eeg_data has 100 per trial"),
        (put("times", np.arange(-20, 90) / 100), "times names 110 samples, .* their time is unknown"),
        (put("times", np.arange(100) ** 2 / 100), "times are not evenly spaced: steps of 0.01 to 1.97 s"),
        (put("times", -np.arange(100) / 100), r"two or more ascending seconds"),
        (put("times", np.zeros(100)), r"two or more ascending seconds"),
        (put("times", np.zeros((2, 50))), r"ascending seconds, has shape \(2, 50\)"),
        (put("times", np.full(100, np.nan)), "two or more ascending seconds"),
        (put("times", "now"), "times must be seconds, is a str"),
        (put("times", None), "two or more ascending seconds"),
    ],
)
def test_a_damaged_file_is_one_line_with_its_name(save, study, spoil, message):
    value = content()
    spoil(value)
    save(training=value)
    with pytest.raises(InputError, match=rf"preprocessed_eeg_training\.npy: .*{message}"):
        LAYOUT.runs(study, "sub-01")


def test_folders_without_trials_are_named(tmp_path, study):
    (tmp_path / "sub-01").mkdir()
    (tmp_path / "sub-01" / "notes.txt").write_text("x")
    with pytest.raises(InputError, match=r"sub-01: no recordings; expected preprocessed_eeg_training.npy and"):
        LAYOUT.runs(study, "sub-01")
    with pytest.raises(InputError, match=r"sub-02: no such subject; expected preprocessed_eeg_training.npy"):
        LAYOUT.runs(study, "sub-02")


def test_the_copies_of_a_mac_are_ignored_and_named(save, study, tmp_path):
    save(training=content(), test=content())
    assert list(LAYOUT.defects(study, "sub-01")) == []
    (tmp_path / "sub-01" / "._preprocessed_eeg_test.npy").write_text("Mac OS X")
    (defect,) = LAYOUT.defects(study, "sub-01")
    assert (defect.place.name, defect.action) == ("._preprocessed_eeg_test.npy", "ignored")
    assert len(LAYOUT.runs(study, "sub-01")) == 2
