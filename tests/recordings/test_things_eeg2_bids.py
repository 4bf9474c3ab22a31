"""Layout things-eeg2-bids: the image is `tot_img_number`, the split the task; counts of the real subject."""

import numpy as np
import pandas as pd
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.recording import Run
from pipeline_lib.recordings.things_eeg2_bids import LAYOUT
from tests.recordings.bids_study import noise, write_eeg_run
from tests.recordings.tiny_study import study_params

COLUMNS = ("onset", "duration", "sample", "value", "trial_type", "tot_img_number", "category_name")


def events(*rows):
    """Rows of sample, value, trial_type and tot_img_number at 100 Hz."""
    filled = [(row[0] / 100, 0.1, *row, "00001_aardvark") for row in rows]
    return pd.DataFrame(filled, columns=list(COLUMNS))


@pytest.fixture
def study(tmp_path):
    train = events((100, 11, "image", 11742), (200, 255, "target", "n/a"), (300, 82, "image", 11))
    test = events((100, 154, "image", 154), (150, 154, "image", 154))
    rest = events((100, 1, "rest_marker", "n/a"))
    for session in (1, 2):
        stem = f"sub-01_ses-0{session}_task"
        write_eeg_run(tmp_path, f"{stem}-train_run-01", train, seed=session)
        write_eeg_run(tmp_path, f"{stem}-test", test)
        write_eeg_run(tmp_path, f"{stem}-rest_run-01", rest)
    return study_params(layout="things-eeg2-bids", root=tmp_path)


def test_runs_of_training_and_test_are_read_and_those_at_rest_are_not(study):
    runs = LAYOUT.runs(study, "sub-01")
    names = ["task-test_eeg.bdf", "task-train_run-01_eeg.bdf"]
    assert [run.file.name.split("_", 2)[2] for run in runs] == names * 2
    assert [run.session for run in runs] == [1, 1, 2, 2]
    assert all(isinstance(run, Run) and run.dropouts == () for run in runs)


def test_the_image_is_its_total_number_and_the_split_that_of_the_task(study):
    test, train, *_ = (run.events() for run in LAYOUT.runs(study, "sub-01"))
    expected = [[100, 11742, "train"], [200, 0, "target"], [300, 11, "train"]]
    assert train[["onset", "image", "split"]].to_numpy().tolist() == expected
    assert train["concept"].tolist() == ["00001_aardvark"] * 3
    assert test[["onset", "image", "split"]].to_numpy().tolist() == [[100, 154, "test"], [150, 154, "test"]]


def test_the_signal_is_eeg_in_volts(study):
    run = LAYOUT.runs(study, "sub-01")[3]
    signal, header = run.signal(), run.header()
    assert signal.ch_names == header.ch_names == ["Oz", "Pz"]  # not EOG1: channels.tsv
    np.testing.assert_allclose(signal.data * 1e6, noise(3, seed=2)[:2], atol=1e-4)


def test_without_samples_onsets_are_seconds(study):
    file = study.root / "sub-01/ses-01/eeg/sub-01_ses-01_task-test_events.tsv"
    table = pd.read_csv(file, sep="\t").drop(columns="sample")
    table.to_csv(file, sep="\t", index=False)
    assert LAYOUT.runs(study, "sub-01")[0].events()["onset"].tolist() == [100, 150]
    table.drop(columns="onset").to_csv(file, sep="\t", index=False)
    with pytest.raises(InputError, match=r"task-test_events\.tsv: columns are missing: onset; it has: duration, value"):
        LAYOUT.runs(study, "sub-01")[0].events()


def test_the_column_value_is_not_taken_for_the_image(study):
    file = study.root / "sub-01/ses-01/eeg/sub-01_ses-01_task-test_events.tsv"
    pd.read_csv(file, sep="\t").drop(columns="tot_img_number").to_csv(file, sep="\t", index=False)
    with pytest.raises(InputError, match=r"columns are missing: tot_img_number; it has: onset, .*value"):
        LAYOUT.runs(study, "sub-01")[0].events()


def test_a_missing_task_is_named(study, tmp_path):
    write_eeg_run(tmp_path, "sub-02_ses-01_task-rest_run-01", events())
    with pytest.raises(InputError, match=r"sub-02: no runs of task test, train .*; tasks there: rest$"):
        LAYOUT.runs(study, "sub-02")


# The real subject


@pytest.fixture(scope="module")
def real(real_data):
    return study_params(layout="things-eeg2-bids", root=real_data / "things-eeg2-bids")


def test_the_real_subject_counts_as_published(real):
    runs = LAYOUT.runs(real, "sub-01")
    assert [run.session for run in runs] == [session for session in (1, 2, 3, 4) for _ in range(6)]
    shown = pd.concat([run.events() for run in runs])
    repeats = shown.groupby(["split", "image"]).size()
    assert shown["split"].value_counts()[["train", "test"]].tolist() == [66_840, 16_224]
    assert (len(repeats["train"]), len(repeats["test"])) == (16_540, 200)
    assert (repeats["train"].min(), repeats["train"].max()) == (4, 6)
    assert (repeats["test"].min(), repeats["test"].max()) == (80, 84)
    assert set(repeats["train"].index) == set(range(1, 16_541))


def test_an_image_of_the_real_subject_stands_for_one_concept(real):
    events = pd.concat([run.events() for run in LAYOUT.runs(real, "sub-01")])
    train = events[events["split"] == "train"]
    assert train.groupby("image")["concept"].nunique().max() == 1
    # (concept - 1) * 10 + image, as in the raw files
    np.testing.assert_array_equal((train["image"] - 1) // 10 + 1, train["concept"].str[:5].astype(int))


def test_the_real_header_comes_from_sidecars_while_the_signal_is_a_stub(real):
    run = LAYOUT.runs(real, "sub-01")[0]
    header = run.header()
    assert (len(header.ch_names), set(header.ch_types), header.sfreq) == (63, {"eeg"}, 1000)
    with pytest.raises(
        InputError, match=r"task-test_eeg\.bdf: a text stub in place of the signal; get its content first"
    ):
        run.signal()


def test_the_defects_of_the_real_subject(real):
    stub, mark = LAYOUT.defects(real, "sub-01")
    assert (stub.what, stub.place.name) == (
        "a text stub in place of the signal (the first of 24 files)",
        "sub-01_ses-01_task-test_eeg.bdf",
    )
    assert "trialign fetch" in stub.action
    assert (mark.what, mark.action) == (
        "starts with a UTF-8 byte order mark (BOM) (the first of 24 files)",
        "read past",
    )
