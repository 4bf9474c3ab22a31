"""What `trialign decode` promises: the rankings of `evaluate`, however the recording is written."""

import json
import shutil

import mne
import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline_lib.common.errors import InputError
from pipeline_lib.decoding.run import decode_recordings, where_found
from pipeline_lib.retrieval.metrics import rank_queries
from pipeline_lib.training.run import RunInputs, train_run
from pipeline_lib.training.settings import load_settings
from tests.decoding.small_study import CHANNELS, N_TEST, Study
from tests.decoding.written import events_of, meg_raw, raw_of, save_raw, write_array
from tests.training.bravl_study import made_bravl

SESSIONS = (1, 2)


def order_of(decoded):
    """For each query, what was shown and the ids of its whole ranking."""
    ids = np.array(decoded.ranked.image_ids)
    return {
        shown: ids[row].tolist()
        for shown, row in zip(decoded.ranked.queries["shown"], decoded.ranked.found, strict=True)
    }


def similarity_of(decoded):
    """Similarity by what was shown and what was found."""
    ranked = decoded.ranked
    return (
        pd.DataFrame(
            [
                (shown, ranked.image_ids[item], value)
                for shown, found, values in zip(ranked.queries["shown"], ranked.found, ranked.similarity, strict=True)
                for item, value in zip(found, values, strict=True)
            ],
            columns=["shown", "found", "similarity"],
        )
        .set_index(["shown", "found"])["similarity"]
        .sort_index()
    )


@pytest.fixture(scope="module")
def whole(study):
    """The whole ranking of the study's own recordings."""
    return decode_recordings(study.request(top=N_TEST, gallery=study.stimuli, images=study.images), print)


def decoded(study, said, **changes):
    values = {"top": N_TEST, "gallery": study.stimuli, "images": study.images} | changes
    return decode_recordings(study.request(**values), said.append)


def assert_agree(found, whole, *, most):
    difference = (similarity_of(found) - similarity_of(whole)).abs()
    assert difference.max() <= most


def test_the_rankings_are_those_of_evaluate_to_the_last_bit(study, whole):
    run, similarity, relevant = study.evaluated()
    rows = [run.image_ids.index(shown) for shown in whole.ranked.queries["shown"]]
    columns = [run.image_ids.index(image_id) for image_id in whole.ranked.image_ids]
    expected = similarity[np.ix_(rows, columns)]
    np.testing.assert_array_equal(np.take_along_axis(expected, whole.ranked.found, axis=1), whole.ranked.similarity)
    np.testing.assert_array_equal(whole.ranked.queries["rank"], rank_queries(similarity, relevant).best_rank[rows])


def test_single_trials_are_ranked_as_evaluate_ranks_them(study, said):
    run, similarity, relevant = study.evaluated("single")
    found = decoded(study, said, average="none").ranked
    assert found.queries["shown"].tolist() == run.shown  # by session, then in order of recording
    assert found.queries["session"].tolist() == [1] * 30 + [2] * 30
    np.testing.assert_array_equal(found.queries["rank"], rank_queries(similarity, relevant).best_rank)


def test_a_folder_as_gallery_gives_the_same_ranking(study, said, whole):
    found = decoded(study, said, gallery=study.gallery, images=None)
    assert {key: [f"test/{name}" for name in names] for key, names in order_of(found).items()} == order_of(whole)


def test_an_epochs_store_gives_the_same_ranking(study, said, whole):
    found = decoded(study, said, recordings=[study.store])
    assert order_of(found) == order_of(whole)


def test_what_is_no_picture_trial_is_left_out_and_named(study, said):
    decoded(study, said)
    assert said == [f"{file}: left out: events that stand for no image: 99999" for file in study.recordings]


def test_the_order_of_channels_changes_nothing(study, said, whole, tmp_path):
    keep = np.random.default_rng(0).permutation(len(CHANNELS) + 1).tolist()
    files = [write_array(study, session, tmp_path, keep) for session in SESSIONS]
    assert_agree(decoded(study, said, recordings=files), whole, most=0)
    assert all("left out" in line for line in said)


def test_other_spellings_are_taken_as_the_same_and_named(study, said, whole, tmp_path):
    names = ["EEG " + name.upper() if name != "stim" else name for name in study.content(1)["ch_names"]]
    files = [write_array(study, session, tmp_path, range(len(names)), ch_names=names) for session in SESSIONS]
    assert_agree(decoded(study, said, recordings=files), whole, most=0)
    assert sum("spelt otherwise" in line and "EEG PO7 for PO7" in line for line in said) == 2


def test_missing_channels_are_named(study, said, tmp_path):
    file = write_array(study, 1, tmp_path, [name for name in CHANNELS if name not in ("Cz", "PO7")])
    with pytest.raises(InputError, match=r"2 of the model's 20 channels are missing: Cz, PO7; .*--interpolate"):
        decoded(study, said, recordings=[file])


def test_missing_channels_are_interpolated_on_request_and_most_rankings_stay(study, said, whole, tmp_path):
    keep = [name for name in CHANNELS if name not in ("Cz", "C4")]
    files = [write_array(study, session, tmp_path, keep) for session in SESSIONS]
    found = decoded(study, said, recordings=files, interpolate=True)
    assert sum(line.endswith("interpolated by MNE: Cz, C4") for line in said) == 2
    first, expected = ({shown: ids[0] for shown, ids in order_of(each).items()} for each in (found, whole))
    assert sum(first[shown] == expected[shown] for shown in expected) >= 0.7 * N_TEST


def test_more_than_a_tenth_of_the_channels_is_not_interpolated(study, said, tmp_path):
    file = write_array(study, 1, tmp_path, CHANNELS[3:])
    with pytest.raises(InputError, match=r"3 of the model's 20 channels are missing: Fp1, Fp2, F3; at most 2 could be"):
        decoded(study, said, recordings=[file], interpolate=True)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_channels_without_a_signal_count_as_missing(study, said, tmp_path, value):
    data = np.array(study.content(1)["raw_eeg_data"])
    data[CHANNELS.index("Cz")] = value
    file = write_array(study, 1, tmp_path, range(len(data)), raw_eeg_data=data)
    with pytest.raises(InputError, match=r"channels are flat, or hold values that are no numbers: Cz; .*--interpolate"):
        decoded(study, said, recordings=[file])
    assert np.isfinite(decoded(study, said, recordings=[file], interpolate=True).ranked.similarity).all()
    assert said[-1].endswith("interpolated by MNE: Cz")


def test_fif_with_a_trigger_channel(study, said, whole, tmp_path):
    files = [save_raw(raw_of(study, session), tmp_path / f"{session}_raw.fif") for session in SESSIONS]
    found = decoded(study, said, recordings=files, sessions=SESSIONS)
    assert_agree(found, whole, most=1e-5)  # FIF holds single precision
    assert order_of(found) == order_of(whole)


def test_another_sampling_rate_is_resampled(study, said, whole, tmp_path):
    files = [save_raw(raw_of(study, s).resample(256, verbose="error"), tmp_path / f"{s}_raw.fif") for s in SESSIONS]
    tables = [tmp_path / f"{session}.tsv" for session in SESSIONS]
    for session, table in zip(SESSIONS, tables, strict=True):
        events_of(study, session).to_csv(table, sep="\t", index=False)
    found = decoded(study, said, recordings=files, events=tables, sessions=SESSIONS)
    assert not said
    assert_agree(found, whole, most=0.15)
    assert np.corrcoef(similarity_of(found), similarity_of(whole))[0, 1] > 0.99


def test_trials_that_are_cut_already(study, said, whole, tmp_path):
    files = []
    for session in SESSIONS:
        table = events_of(study, session)
        onsets = (table["onset"] * 200).round().astype(int)
        events = np.stack([onsets, np.zeros(len(table), int), table["event_code"]], axis=1)
        epochs = mne.Epochs(
            raw_of(study, session), events, tmin=-0.2, tmax=0.45, baseline=(None, 0), preload=True, verbose="error"
        )
        files.append(tmp_path / f"{session}-epo.fif")
        epochs.save(files[-1], verbose="error")
    found = decoded(study, said, recordings=files, sessions=SESSIONS)
    assert not said
    assert_agree(found, whole, most=1e-5)


def test_another_kind_of_sensor_is_refused(study, said, tmp_path):
    file = save_raw(meg_raw(), tmp_path / "meg_raw.fif")
    table = tmp_path / "events.csv"
    table.write_text("onset\n2.0\n")
    with pytest.raises(InputError, match="trained on 20 channels of EEG, the recording has 20 of MEG"):
        decoded(study, said, recordings=[file], events=[table])


def test_a_new_session_is_whitened_by_the_mean_noise_and_says_so(study, said, tmp_path):
    file = tmp_path / "raw_eeg_test.npy"
    shutil.copy(study.recording(1), file)
    found = decoded(study, said, recordings=[file])
    assert "a new session; whitened by the mean noise covariance of the model's 2 sessions (sub-01 1, 2)" in said[-1]
    assert found.ranked.queries["session"].unique().tolist() == [0]
    own = decoded(study, said, recordings=[file], sessions=[1])
    assert own.ranked.queries["session"].unique().tolist() == [1]
    assert_agree(own, decoded(study, said, recordings=[study.recording(1)]), most=0)


def test_whitening_by_the_recording_itself_and_none(study, said, whole):
    own = decoded(study, said, whitening="recording")
    assert [line for line in said if "own 30 trials" in line] == [
        f"sub-01 session {session}: whitened by the noise of its own 30 trials" for session in SESSIONS
    ]
    none = decoded(study, said, whitening="none")
    assert said[-1] == "the model's trials were whitened, these are not (--whitening none)"
    same = similarity_of(whole)
    assert np.corrcoef(similarity_of(own), same)[0, 1] > 0.5 > np.corrcoef(similarity_of(none), same)[0, 1]


@pytest.fixture(scope="module")
def of_two(study, tmp_path_factory):
    """A model trained on two people; the second has the recordings of the first."""
    folder = tmp_path_factory.mktemp("two")
    stores = {"sub-01": study.store, "sub-02": study.store}
    inputs = RunInputs("inter", "sub-09", stores, study.bank, study.stimuli)
    settings = load_settings(study.folder / "params.yaml")
    train_run(inputs, settings, n_epochs=3, seed=0, out=folder / "model")
    return folder / "model"


def test_a_stranger_to_a_model_of_several_people(study, said, of_two):
    found = decoded(study, said, model=of_two, recordings=[study.recording(1)])
    assert said[0].startswith("recordings of nobody among the 2 people the model was trained on")
    assert found.ranked.queries["session"].unique().tolist() == [1]  # by the name of the file
    with pytest.raises(InputError, match="--subject is 'sub-03', allowed: sub-01, sub-02, unknown"):
        decoded(study, said, model=of_two, subject="sub-03")


def test_one_of_the_people_of_a_model(study, said, of_two):
    found = decoded(study, said, model=of_two, subject="sub-02", sessions=[1, 2])
    same = decoded(study, said, model=of_two, subject="sub-01")
    assert not [line for line in said if "nobody" in line]
    assert_agree(found, same, most=0)


def test_a_model_of_another_kind_ranks_by_its_own_matcher(study, said, tmp_path):
    params = made_bravl(yaml.safe_load((study.folder / "params.yaml").read_text()))
    params["target"]["scale"] = "none"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    settings = load_settings(tmp_path / "params.yaml")
    other = Study(tmp_path)
    inputs = RunInputs("intra", "sub-01", {"sub-01": study.store}, study.bank, study.stimuli)
    train_run(inputs, settings, n_epochs=3, seed=0, out=other.model)
    for name in ("epochs", "slip.h5", "stimuli.csv"):
        (tmp_path / name).symlink_to(study.folder / name)
    run, similarity, relevant = other.evaluated()
    found = decoded(study, said, model=other.model).ranked
    rows = [run.image_ids.index(shown) for shown in found.queries["shown"]]
    np.testing.assert_array_equal(found.queries["rank"], rank_queries(similarity, relevant).best_rank[rows])
    np.testing.assert_allclose(found.similarity[:, 0], similarity[rows].max(axis=1), atol=1e-6)


def test_images_that_are_unknown_have_no_rank(study, said, tmp_path):
    table = tmp_path / "events.csv"
    table.write_text("onset\n1.0\n2.5\n")
    ranked = decoded(study, said, recordings=[study.recording(1)], events=[table], average="none").ranked
    assert ranked.queries[["shown", "item", "rank", "onset"]].to_numpy().tolist() == [
        ["", -1, 0, 1.0],
        ["", -1, 0, 2.5],
    ]
    assert ranked.summary() == "what was shown is unknown, or not in the gallery"
    with pytest.raises(InputError, match="--average image needs to know what was shown"):
        decoded(study, said, recordings=[study.recording(1)], events=[table])


def test_images_outside_the_gallery_have_no_rank(study, said, tmp_path):
    for number in (1, 2, 3):
        shutil.copytree(study.gallery / f"{number:02d}_thing", tmp_path / f"{number:02d}_thing")
    ranked = decoded(study, said, gallery=tmp_path, images=None).ranked
    assert (ranked.queries["rank"] > 0).sum() == 3
    assert "7 of 10 queries show images that are not in the gallery" in said[-1]
    assert ranked.summary().endswith("over the 3 of 10 whose image is in the gallery")


def test_the_sheet_says_what_was_decoded(study, whole):
    request = study.request()
    settings = where_found(whole, request)
    assert settings["recordings"] == ", ".join(map(str, study.recordings))
    assert settings["result"] == whole.ranked.summary()


def edited(path, **changes):
    described = json.loads(path.read_text())
    path.write_text(json.dumps(described | changes))


@pytest.mark.parametrize(
    ("name", "said_of_it"),
    [
        ("model.json", "no such file"),
        ("params.yaml", "no such file"),
        ("model.safetensors", "no such file"),
        ("preprocessing.safetensors", "no such file"),
    ],
)
def test_a_model_with_a_file_missing(study, said, tmp_path, name, said_of_it):
    model = shutil.copytree(study.model, tmp_path / "model")
    (model / name).unlink()
    with pytest.raises(InputError, match=f"^{model / name}: {said_of_it}"):
        decoded(study, said, model=model)


def test_a_model_of_another_version(study, said, tmp_path):
    model = shutil.copytree(study.model, tmp_path / "model")
    edited(model / "model.json", format=2)
    with pytest.raises(InputError, match="not a model of format 3"):
        decoded(study, said, model=model)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"subject": "sub-07"}, "--subject is 'sub-07', allowed: sub-01, unknown"),
        ({"sessions": [1]}, "--session is given 1 times for 2 recordings"),
        ({"sessions": [1, 9]}, "--session is 9, allowed: 1, 2"),
        ({"whitening": "modle"}, "--whitening is 'modle', allowed: model, recording, none"),
        ({"average": "all"}, "--average is 'all'"),
        ({"split": "tset"}, "--split is 'tset', allowed: train, test, center; did you mean 'test'"),
        ({"split": "center"}, "the gallery holds no images of split center; a ranking needs at least 2"),
        ({"device": "gpu"}, "--device is 'gpu', allowed: auto, cpu, cuda"),
        ({"montage": "standart_1005"}, None),
    ],
)
def test_values_that_are_not_allowed(study, said, changes, message):
    if message is None:
        decoded(study, said, **changes)  # nothing is interpolated
        return
    with pytest.raises(InputError, match=message):
        decoded(study, said, **changes)


def test_a_model_of_features_that_nobody_can_make_again(study, said, tmp_path):
    model = shutil.copytree(study.model, tmp_path / "model")
    features = json.loads((model / "model.json").read_text())["features"]
    edited(model / "model.json", features=features | {"architecture": "supplied"})
    with pytest.raises(InputError, match=r"features that were supplied ready-made .*, so no other image"):
        decoded(study, said, model=model)


def test_a_recording_given_twice(study):
    with pytest.raises(InputError, match=r"ses-01/raw_eeg_test\.npy is given twice; its trials would count twice"):
        study.request(recordings=[study.recording(1), study.recording(2), study.recording(1)])


def test_events_that_stand_twice_in_a_table_are_said(study, said, tmp_path):
    table = tmp_path / "events.csv"
    events_of(study, 1).iloc[[0, 1, 1, 1]].to_csv(table, index=False)
    decoded(study, said, recordings=[study.recording(1)], events=[table], average="none")
    assert said == [f"{table}: 2 events begin at the same sample as another; each is a trial"]


def test_copies_of_an_image_are_named(study, said, tmp_path):
    photos = shutil.copytree(study.gallery, tmp_path / "photos")
    shutil.copy(photos / "03_thing" / "test03.png", photos / "copy.png")
    found = decoded(study, said, gallery=photos, images=None)
    assert said[-1] == "the gallery holds an image 2 times, so it ranks at best 2: 03_thing/test03, copy"
    queries = found.ranked.queries
    assert queries.loc[queries["shown"] == "test/03_thing/test03", "rank"].item() >= 2


def test_images_called_by_numbers(study, said, tmp_path):
    photos, table = tmp_path / "photos", tmp_path / "events.csv"
    photos.mkdir()
    for code in (1, 2, 3):
        shutil.copy(next(study.gallery.glob(f"{code:02d}_*/*.png")), photos / f"{code:03d}.png")
    events = events_of(study, 1).query("event_code < 4")
    events.assign(image=[f"{code:03d}" for code in events["event_code"]])[["onset", "image"]].to_csv(table, index=False)
    request = {"recordings": [study.recording(1)], "events": [table], "gallery": photos, "stimuli": None}
    queries = decoded(study, said, images=None, **request).ranked.queries
    assert sorted(queries["shown"]) == ["001", "002", "003"]
    assert (queries["rank"] > 0).all()
