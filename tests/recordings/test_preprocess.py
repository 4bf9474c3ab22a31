"""What preprocessing a subject promises, from files to epochs."""

import numpy as np
import pandas as pd
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.whitening import scale_channels, whiten
from tests.recordings.tiny_study import preprocessed, raw_file, save_session, study_params

ALL = {"train": None, "test": None}


def trials_of(study, params, subject, table):
    return preprocessed(study, params, subject, table).data


def plain(content, codes_at, picks):
    """Baseline-corrected epochs of a raw file at its own rate, 0 to 1 s, by the definition."""
    rows = [content["ch_names"].index(name) for name in picks]
    epochs = []
    for onset in codes_at:
        signal = content["raw_eeg_data"][rows]
        before = signal[:, onset - 200 : onset + 1].mean(axis=1, keepdims=True)
        epochs.append(signal[:, onset : onset + 1000] - before)
    return np.array(epochs)


def test_trials_are_those_of_the_files_in_order_of_recording(study, table, settings):
    data = trials_of(study, settings(sfreq=None, whitening__enabled=False, picks=["Pz", "Fp1"]), "sub-01", table)
    assert data.image_ids.tolist()[:6] == [f"train/{i}" for i in (1, 2, 3, 3, 2, 1)]
    assert data.image_ids.tolist()[6:10] == [f"test/{i}" for i in (2, 1, 1, 2)]
    assert data.session.tolist() == [1] * 10 + [2] * 10
    assert data.test.tolist() == ([False] * 6 + [True] * 4) * 2
    assert (data.ch_names, data.sfreq, data.tmin, data.whitening) == (["Pz", "Fp1"], 1000.0, 0.0, "none")
    train = raw_file([1, 2, 99999, 3, 3, 2, 1], seed=1)
    expected = plain(train, [300, 600, 1200, 1500, 1800, 2100], ["Pz", "Fp1"])
    np.testing.assert_allclose(data.epochs[:6], expected, rtol=1e-5, atol=1e-10)


def test_shipped_settings_give_250_whitened_samples(study, table, settings):
    data = trials_of(study, settings(), "sub-01", table)
    assert data.epochs.shape == (20, 3, 250)
    assert (data.ch_names, data.sfreq, data.tmin) == (["Fp1", "Oz", "Pz"], 250.0, 0.0)
    assert data.whitening == "own-training-trials"
    assert data.provenance["layout"] == "things-eeg2"
    assert data.provenance["preprocess"]["whitening"] == {"enabled": True, "covariance": "epochs", "fit_on": "train"}
    for session in (1, 2):
        train = data.epochs[(data.session == session) & ~data.test]
        np.testing.assert_allclose(np.mean([np.cov(epoch) for epoch in train], axis=0), np.eye(3), atol=0.1)


def test_each_session_is_whitened_by_itself(study, table, settings):
    before = trials_of(study, settings(), "sub-01", table)
    folder = study.root / "sub-01" / "ses-02"
    louder = raw_file([1, 2, 99999, 3, 3, 2, 1], seed=2)
    louder["raw_eeg_data"][:3] *= 10
    save_session(folder, training=louder)
    after = trials_of(study, settings(), "sub-01", table)
    first = before.session == 1
    assert np.array_equal(after.epochs[first], before.epochs[first])
    trained = ~first & ~before.test
    np.testing.assert_allclose(after.epochs[trained], before.epochs[trained], rtol=1e-3, atol=1e-3)
    tested = ~first & before.test
    np.testing.assert_allclose(after.epochs[tested], before.epochs[tested] / 10, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("fit_on", ["train", "train+test"])
def test_test_data_shape_training_epochs_only_when_asked_for(study, table, settings, fit_on):
    before = trials_of(study, settings(whitening__fit_on=fit_on, standardize="train"), "sub-01", table)
    for number in (1, 2):
        other = raw_file([2, 1, 1, 99999, 2], seed=50)
        other["raw_eeg_data"][:3] *= 30
        save_session(study.root / "sub-01" / f"ses-{number:02d}", test=other)
    after = trials_of(study, settings(whitening__fit_on=fit_on, standardize="train"), "sub-01", table)
    train = ~before.test
    assert np.array_equal(after.epochs[train], before.epochs[train]) == (fit_on == "train")
    assert after.whitening == {"train": "own-training-trials", "train+test": "own-training-and-test-trials"}[fit_on]


def test_standardized_training_trials_have_unit_deviation(study, table, settings):
    data = trials_of(study, settings(whitening__enabled=False, standardize="train"), "sub-01", table)
    train = data.epochs[~data.test].astype(np.float64)
    np.testing.assert_allclose(train.mean(axis=(0, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(train.std(axis=(0, 2)), 1, rtol=1e-5)


def test_at_most_max_repeats_per_image_and_session(study, table, settings):
    chosen = settings(max_repeats={"train": 1, "test": None})
    data = trials_of(study, chosen, "sub-01", table)
    counts = pd.Series(data.image_ids).groupby([data.session, data.image_ids]).size().unstack()
    assert counts[["train/1", "train/2", "train/3"]].to_numpy().tolist() == [[1, 1, 1], [1, 1, 1]]
    assert counts[["test/1", "test/2"]].to_numpy().tolist() == [[2, 2], [2, 2]]
    again = trials_of(study, chosen, "sub-01", table)
    assert np.array_equal(again.epochs, data.epochs)


def test_events_too_near_to_the_end_are_left_out_and_counted(study, table, settings):
    content = raw_file([1, 2, 3, 1])
    content["raw_eeg_data"] = content["raw_eeg_data"][:, :2200]  # onsets 300, 600, 900, 1200: 1.0 s after each
    content["raw_eeg_data"][-1, [5, 2195]] = [2, 3]
    save_session(study.root / "sub-01" / "ses-01", training=content)
    data = trials_of(study, settings(), "sub-01", table)
    assert data.image_ids[(data.session == 1) & ~data.test].tolist() == ["train/1", "train/2", "train/3"]
    assert data.provenance["dropped"] == {"incomplete": 3, "target": 3}


def test_channels_are_found_by_name_in_every_file(study, table, settings):
    before = trials_of(study, settings(), "sub-01", table)
    content = raw_file([2, 1, 1, 99999, 2], seed=12)
    order = [2, 0, 1, 3]
    content["raw_eeg_data"] = content["raw_eeg_data"][order]
    content["ch_names"] = [content["ch_names"][row] for row in order]
    save_session(study.root / "sub-01" / "ses-02", test=content)
    after = trials_of(study, settings(), "sub-01", table)
    assert after.ch_names == before.ch_names
    assert np.array_equal(after.epochs, before.epochs)


def test_filtering_removes_what_lies_outside_the_band(study, table, settings):
    pytest.importorskip("mne")
    data = trials_of(study, settings(filter={"low": None, "high": 20.0}, whitening__enabled=False), "sub-01", table)
    power = np.abs(np.fft.rfft(data.epochs * np.hanning(250), axis=-1)).mean(axis=(0, 1))  # 1 Hz a bin
    assert power[35:].max() < 0.02 * power[5:15].mean()


def spoiled(channel, samples, value, file="training"):
    """Puts `value` into some samples of a channel of a raw file."""

    def spoil(folder):
        content = raw_file([1, 2, 3] if file == "training" else [1, 2])
        content["raw_eeg_data"][content["ch_names"].index(channel), samples] = value
        save_session(folder, **{file: content})

    return spoil


def codes(*codes, file="training"):
    return lambda folder: save_session(folder, **{file: raw_file(list(codes))})


@pytest.mark.parametrize(
    ("spoil", "changes", "message"),
    [
        (spoiled("Oz", 400, np.nan), {}, r"ses-02/raw_eeg_training\.npy: channels hold NaN or infinite values: Oz"),
        (
            spoiled("Pz", slice(90, 95), np.inf, "test"),
            {},
            r"ses-02/raw_eeg_test\.npy: channels hold NaN or infinite values: Pz",
        ),
        (spoiled("Oz", slice(None), 1e-5), {}, r"ses-02/raw_eeg_training\.npy: channels are flat, .*: Oz"),
        (
            codes(1, 2, 4),
            {},
            r"ses-02/raw_eeg_training\.npy: event codes stand for no image .*: 4; known codes of split train: 1\.\.3",
        ),
        (
            codes(1, 3, file="test"),
            {},
            r"ses-02/raw_eeg_test\.npy: event codes .*: 3; known codes of split test: 1\.\.2",
        ),
        (lambda _: None, {"picks": ["Oz", "POz"]}, r"ses-01/raw_eeg_training\.npy: channels are missing: POz"),
        (
            lambda folder: (folder / "raw_eeg_training.npy").unlink(),
            {},
            "session 2: the session has no training trials",
        ),
        (lambda folder: (folder / "raw_eeg_test.npy").write_bytes(b"x"), {}, r"raw_eeg_test\.npy: not an npy file"),
    ],
)
def test_spoiled_data_are_named(study, table, settings, spoil, changes, message):
    spoil(study.root / "sub-01" / "ses-02")
    with pytest.raises(InputError, match=message):
        trials_of(study, settings(**changes), "sub-01", table)


def test_flat_channels_may_be_kept(study, table, settings):
    spoiled("Oz", slice(None), 1e-5)(study.root / "sub-01" / "ses-02")
    data = trials_of(study, settings(flat_channels="keep"), "sub-01", table)
    flat = data.epochs[(data.session == 2) & ~data.test, 1]
    assert np.all(flat == 0)
    assert np.isfinite(data.epochs).all()


def test_rates_that_differ_need_a_common_one(study, table, settings):
    content = raw_file([1, 2, 3])
    content["sfreq"] = 500.0
    save_session(study.root / "sub-01" / "ses-02", training=content)
    with pytest.raises(
        InputError,
        match=r"raw_eeg_training.npy: 500.0 Hz, but .*raw_eeg_training.npy has 1000.0 Hz; set preprocess.sfreq",
    ):
        trials_of(study, settings(sfreq=None), "sub-01", table)
    assert trials_of(study, settings(), "sub-01", table).sfreq == 250.0


def test_a_limit_that_rejects_everything_is_said_to_be_the_reason(study, table, settings):
    with pytest.raises(InputError, match=r"no trials are left; .*peak-to-peak: 20, .*; check .*reject_peak_to_peak"):
        trials_of(study, settings(reject_peak_to_peak=1e-9), "sub-01", table)


def test_both_partitions_are_needed(study, table, settings):
    for number in (1, 2):
        codes(1, 1, 1, file="test")(study.root / "sub-01" / f"ses-{number:02d}")
    with pytest.raises(InputError, match="sub-01: trials of 1 test images; retrieval needs at least 2"):
        trials_of(study, settings(), "sub-01", table)
    for number in (1, 2):
        codes(99999)(study.root / "sub-01" / f"ses-{number:02d}")
    with pytest.raises(InputError, match="sub-01: no training trials"):
        trials_of(study, settings(), "sub-01", table)


@pytest.fixture
def arrays_study(tmp_path, table):
    """Writes responses of four images to a study of layout `arrays`, eight trials of each."""

    def write(responses):
        folder = tmp_path / "arrays" / "sub-01"
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "responses.npy", responses)
        images = ["train/1", "train/2", "test/1", "test/2"] * 8
        pd.DataFrame({"image": images, "split": [name.split("/")[0] for name in images]}).to_csv(
            folder / "trials.csv", index=False
        )
        return study_params(layout="arrays", root=folder.parent)

    return write


def test_arrays_are_taken_as_they_are(arrays_study, table, settings):
    responses = np.random.default_rng(0).standard_normal((32, 4))
    data = trials_of(arrays_study(responses), settings(max_repeats=ALL, whitening__enabled=False), "sub-01", table)
    np.testing.assert_allclose(data.epochs[:, :, 0], responses, rtol=1e-6)
    assert (data.sfreq, data.whitening) == (None, "none")
    picked = settings(max_repeats=ALL, whitening__enabled=False, picks=["ch-003", "CH-001"])
    np.testing.assert_allclose(
        trials_of(arrays_study(responses), picked, "sub-01", table).epochs[:, :, 0],
        responses[:, [2, 0]],
        rtol=1e-6,
    )


def test_arrays_are_standardized_by_training_trials(arrays_study, table, settings):
    responses = np.random.default_rng(0).standard_normal((32, 4)) * [1, 10, 100, 1000] + 5
    wanted = settings(max_repeats=ALL, whitening__enabled=False, standardize="train")
    data = trials_of(arrays_study(responses), wanted, "sub-01", table)
    train = responses[~data.test]
    np.testing.assert_allclose(data.epochs[:, :, 0], (responses - train.mean(0)) / train.std(0), atol=1e-5)


def test_arrays_with_a_time_axis_can_be_whitened(arrays_study, table, settings):
    responses = np.random.default_rng(0).standard_normal((32, 3, 400)) * [[1], [10], [100]]
    data = trials_of(arrays_study(responses), settings(max_repeats=ALL), "sub-01", table)
    covariance = np.mean([np.cov(epoch) for epoch in data.epochs[~data.test]], axis=0)
    np.testing.assert_allclose(covariance, np.eye(3), atol=0.05)


def test_arrays_without_a_time_axis_cannot_be_whitened(arrays_study, table, settings):
    with pytest.raises(InputError, match=r"whitening needs a time axis.*set preprocess.whitening.enabled=false"):
        trials_of(
            arrays_study(np.random.default_rng(0).standard_normal((32, 4))), settings(max_repeats=ALL), "sub-01", table
        )


@pytest.mark.parametrize(("value", "message"), [(np.nan, "NaN or infinite values: ch-002"), (1.0, "flat, .*: ch-002")])
def test_arrays_with_a_spoiled_channel_are_named(arrays_study, table, settings, value, message):
    responses = np.random.default_rng(0).standard_normal((32, 4))
    responses[:, 1] = value
    with pytest.raises(InputError, match=rf"responses\.npy: channels .*{message}"):
        trials_of(arrays_study(responses), settings(max_repeats=ALL, whitening__enabled=False), "sub-01", table)


def test_arrays_keep_at_most_max_repeats_too(arrays_study, table, settings):
    responses = np.random.default_rng(0).standard_normal((32, 4))
    data = trials_of(arrays_study(responses), settings(whitening__enabled=False), "sub-01", table)
    assert pd.Series(data.image_ids).value_counts().to_dict() == {"train/1": 2, "train/2": 2, "test/1": 8, "test/2": 8}


def test_what_was_fitted_turns_plain_trials_into_the_stored_ones(study, table, settings):
    plain = trials_of(study, settings(whitening__enabled=False), "sub-01", table)
    data = trials_of(study, settings(standardize="train"), "sub-01", table)
    epochs, fitted = plain.epochs.copy(), data.fitted
    assert list(fitted.matrices) == [1, 2]
    for number, w in fitted.matrices.items():
        rows = np.flatnonzero(data.session == number)
        part = epochs[rows]
        whiten(part, w)
        epochs[rows] = part
    scale_channels(epochs, fitted.mean, fitted.scale)
    assert np.array_equal(epochs, data.epochs)
    assert (plain.fitted.matrices, plain.fitted.mean, plain.fitted.scale) == ({}, None, None)


def test_the_files_of_each_session_and_the_types_of_channels_are_kept(study, table, settings):
    data = trials_of(study, settings(picks=["Pz", "Oz"]), "sub-01", table)
    names = ("raw_eeg_training.npy", "raw_eeg_test.npy")
    assert data.fitted.sessions == {number: [f"ses-0{number}/{name}" for name in names] for number in (1, 2)}
    assert data.ch_types == ["eeg", "eeg"]


def test_arrays_name_their_file_and_know_no_types(arrays_study, table, settings):
    responses = np.random.default_rng(0).standard_normal((32, 4))
    data = trials_of(arrays_study(responses), settings(max_repeats=ALL, whitening__enabled=False), "sub-01", table)
    assert data.fitted.sessions == {1: ["responses.npy"]}
    assert data.ch_types == ["misc"] * 4
