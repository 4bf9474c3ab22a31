"""Inspection counts what tables and headers hold, and names every defect with what will be done about it."""

import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest

from pipeline_lib.recordings.inspection import STOPS, inspect_subject
from tests.recordings.every_layout import CONTINUOUS, CUT, SUBJECT, made_study, recording
from tests.recordings.tiny_study import study_params

BIDS = ("things-eeg2-bids", "things-meg-bids", "bids")
STUB = "/annex/objects/SHA256E-s208346759--bfa86185bb8aeea45666e62af9110267cb449de5ecb316e2a3c7905096548f2c\n"


@pytest.fixture
def made(request, tmp_path):
    """The study of the layout that a test names."""
    return made_study(request.param, tmp_path)


def each(*layouts):
    return pytest.mark.parametrize("made", layouts, indirect=True)


def inspected(made):
    return inspect_subject(made.study, SUBJECT)


def defects(made):
    """Place below the subject's folder, what and action of each defect."""
    found = inspected(made).defects
    return [(defect.place.relative_to(made.folder).as_posix(), defect.what, defect.action) for defect in found]


def base(file):
    """What the files of a BIDS run have in common."""
    return str(file).rpartition("_")[0]


# Counts


@each(*CONTINUOUS)
def test_events_images_and_repeats_are_counted(made):
    summary = inspected(made)
    train, test = summary.splits["train"], summary.splits["test"]
    assert (summary.subject, summary.sessions, len(summary.runs)) == (SUBJECT, 2, 4)
    # Codes 1 2 3 3 2 1 3 1 and 11 12 12 11, in each of two sessions.
    assert (train.events, train.images, train.repeats_min, train.repeats_median, train.repeats_max) == (16, 3, 4, 6, 6)
    assert (test.events, test.images, test.repeats_min, test.repeats_median, test.repeats_max) == (8, 2, 4, 4, 4)
    assert summary.sfreqs == [100.0]
    is_meg = made.study.layout == "things-meg-bids"
    assert summary.channels == {"mag" if is_meg else "eeg": [3]}
    expected = ["missing sidecar coordsystem.json (the first of 4 files)"] if is_meg else []
    assert [defect.what for defect in summary.defects] == expected


@each(*CONTINUOUS)
def test_what_is_no_picture_trial_is_counted_by_its_own_name(made):
    usual = recording("train", 1)
    events = [(20, 0, "target"), *usual.events]
    file = made.write("train", 1, replace(usual, events=events))
    (run,) = [run for run in inspected(made).runs if run.file == file.relative_to(made.study.root).as_posix()]
    assert run.events == {"train": 8, "catch" if made.study.layout == "things-meg-bids" else "target": 1}
    assert run.session == 1


@each(*CUT)
def test_cut_trials_are_counted_too(made):
    summary = inspected(made)
    counts = {name: (split.events, split.images) for name, split in summary.splits.items()}
    assert (
        counts
        == {
            "things-eeg2-preprocessed": {"train": (12, 3), "test": (8, 2)},
            "things-meg-epochs": {"train or test": (12 * 150, 5)},
            "arrays": {"train": (8, 3), "test": (4, 2)},
        }[made.study.layout]
    )
    assert summary.defects == []


@each("bids")
def test_concepts_are_counted_where_the_tables_name_them(made):
    assert inspected(made).splits["train"].concepts == 1  # by the folder: all of train/
    for file in made.folder.rglob("*_events.tsv"):
        table = pd.read_csv(file, sep="\t")
        table.assign(thing=table["stim_file"].str[-5]).to_csv(file, sep="\t", index=False)
    study = made.study.model_copy(update={"bids": made.study.bids.model_copy(update={"concept": "thing"})})
    assert inspect_subject(study, SUBJECT).splits["train"].concepts == 3


@each(*CONTINUOUS)
def test_no_signal_is_read(made, monkeypatch):
    from pipeline_lib.recordings import bids_runs, things_eeg2

    def read(*_):
        raise AssertionError("a signal was read")

    monkeypatch.setattr(bids_runs, "signal_of", read)
    monkeypatch.setattr(things_eeg2, "_signal", read)
    assert len(inspected(made).runs) == 4


@each(*CONTINUOUS, *CUT)
def test_json_holds_everything_in_plain_values(made):
    (made.folder / "._x").touch()
    content = inspected(made).as_json(made.study.root)
    assert json.loads(json.dumps(content)) == content
    assert content["subject"] == SUBJECT
    assert all(not run["file"].startswith("/") for run in content["runs"])
    assert all(not defect["place"].startswith("/") for defect in content["defects"])


# Defects


@each(*BIDS)
def test_a_stub_is_named_and_everything_else_still_counted(made):
    for file in made.files.values():
        file.write_text(STUB)
    summary = inspected(made)
    assert (summary.splits["train"].events, summary.splits["test"].events) == (16, 8)
    assert list(summary.channels.values()) == [[3]]
    (stub,) = [defect for defect in summary.defects if "stub" in defect.what]
    assert stub.what == "a text stub in place of the signal (the first of 4 files)"
    assert "trialign fetch" in stub.action


@each("things-eeg2", "things-eeg2-preprocessed", "things-meg-epochs", "arrays")
def test_a_stub_of_a_file_that_holds_the_events_stops_preprocessing(made):
    made.files["train", 1].write_text(STUB)
    (found,) = [defect for defect in inspected(made).defects if defect.action == STOPS]
    assert "stub in place of the" in found.what
    assert made.files["train", 1].name in f"{found.place}: {found.what}"
    assert str(made.study.root) not in found.what


def remove(name):
    return lambda made: [file.unlink() for file in made.folder.rglob(name)]


def mark(made):
    for file in made.folder.rglob("*.tsv"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())


def nest(made):
    folder = made.files["train", 1].parent
    (folder / f"{SUBJECT}_ses-01_task-rest_meg.ds" / "copy_hz.ds").mkdir(parents=True)


def apple_double(made):
    file = made.files["train", 1]
    file.with_name(f"._{file.name}").touch()


def mark_bad(made):
    for file in made.folder.rglob("*_channels.tsv"):
        table = pd.read_csv(file, sep="\t")
        table.assign(status=["good", "bad", "good"]).to_csv(file, sep="\t", index=False)


def untype(made):
    for file in made.folder.rglob("*_channels.tsv"):
        file.write_text(file.read_text().replace("MEGMAG", "OTHER"))


def write_twice(made):
    usual = recording("train", 2)
    made.write("train", 2, replace(usual, events=[event for event in usual.events for _ in range(2)]))


def other_rate(made):
    made.write("train", 2, replace(recording("train", 2), sfreq=200.0))
    made.write("test", 2, replace(recording("test", 2), sfreq=200.0))


@pytest.mark.parametrize(
    ("made", "spoil", "what", "action"),
    [
        ("bids", remove("*_channels.tsv"), "missing sidecar channels.tsv (the first of 4", "are taken from the signal"),
        ("things-meg-bids", remove("*_meg.json"), "missing sidecar meg.json (the first of 4", "rate is taken from the"),
        ("things-meg-bids", lambda _: None, "missing sidecar coordsystem.json (the first of 4 files)", "not needed"),
        ("things-meg-bids", remove("*_meg.fif"), "no signal, not even a stub of it (the first of 4", "trialign fetch"),
        ("things-meg-bids", nest, "nested .ds, a copy of the recording inside its own folder", "ignored"),
        ("things-meg-bids", untype, "the 3 sensors of MEG are typed OTHER", "types are taken from the signal"),
        ("things-eeg2-bids", mark, "starts with a UTF-8 byte order mark (BOM) (the first of 8 files)", "read past"),
        ("bids", mark_bad, "channels are marked bad: Oz (the first of 4", "name them in preprocess.exclude"),
        ("things-eeg2-bids", write_twice, "8 trials are written again, equal in every column", "counted once"),
        *((layout, apple_double, "AppleDouble file", "ignored") for layout in (*CONTINUOUS, *CUT)),
        *(
            (layout, other_rate, "recordings differ in sampling rate", "resampled, if preprocess.sfreq is set")
            for layout in CONTINUOUS
        ),
    ],
    indirect=["made"],
)
def test_each_kind_of_defect_is_named_with_what_is_done_about_it(made, spoil, what, action):
    spoil(made)
    (found,) = [defect for defect in inspected(made).defects if what in defect.what]
    assert action in found.action
    assert found.place.is_relative_to(made.folder)


@each(*BIDS)
def test_a_table_that_cannot_be_read_stops_preprocessing_and_nothing_else(made):
    file = base(made.files["train", 2]) + "_events.tsv"
    with open(file, "w") as table:
        table.write("onset\n1.0\n")
    summary = inspected(made)
    (found,) = [defect for defect in summary.defects if defect.action == STOPS]
    assert "columns are missing: " in found.what
    assert (len(summary.runs), summary.splits["train"].events) == (3, 8)


@each(*BIDS)
def test_tables_that_all_lack_the_same_are_one_defect(made):
    for (_, session), file in made.files.items():
        with open(base(file) + "_events.tsv", "w") as table:
            table.write(f"onset\n{session}.0\n")
    (found,) = [defect for defect in inspected(made).defects if defect.action == STOPS]
    assert "_events.tsv: columns are missing: " in found.what
    assert found.what.endswith(f"(the first of {len(made.files)} files)")


@each("bids")
def test_splits_of_other_names_are_named(made):
    for file in made.files.values():
        events = pd.read_csv(base(file) + "_events.tsv", sep="\t")
        words = {"train": "training", "test": "testing"}
        events.assign(split=events["split"].map(words)).to_csv(base(file) + "_events.tsv", sep="\t", index=False)
    assert (".", "no event is of split train or test, all are of: testing, training", STOPS) in defects(made)


@each("arrays")
def test_a_folder_that_need_not_be_a_subject_is_not_called_one(made):
    (made.study.root / "features").mkdir()
    (found,) = inspect_subject(made.study, "features").defects
    assert found.action == f"no subject, or {STOPS}"


@each(*CONTINUOUS)
def test_runs_of_odd_length_are_named(made):
    for partition in ("train", "test"):
        made.write(partition, 3, recording(partition, 3))
    file = made.write("train", 2, recording("train", 2, codes=(1, 2, 3)))
    (odd,) = [defect for defect in defects(made) if "median" in defect[1]]
    place = file.relative_to(made.folder).as_posix()
    assert odd == (place, "3 events, the median of runs like it is 8", "used as it is")


@each(*CONTINUOUS)
def test_sessions_with_another_number_of_runs_are_named(made):
    made.write("train", 3, recording("train", 3))
    assert (".", "session 3 has 1 runs, most have 2", "used as it is") in defects(made)


@each("things-eeg2")
def test_missing_sessions_and_files_of_raw_recordings_are_named(made):
    (made.folder / "ses-02").rename(made.folder / "ses-04")
    (made.folder / "ses-04" / "raw_eeg_test.npy").unlink()
    found = [what for _, what, _ in defects(made)]
    expected = ["session 2 is missing", "session 3 is missing", "no recording of the test images"]
    assert found == [*expected, "session 4 has 1 runs, most have 2"]


@each(*CONTINUOUS)
def test_what_retrieval_cannot_do_without_is_named(made):
    for session in (1, 2):
        made.write("test", session, recording("test", session, codes=(11,)))
    assert (".", "trials of fewer than 2 test images", STOPS) in defects(made)
    for session in (1, 2):
        made.write("train", session, recording("train", session, codes=()))
        made.write("test", session, recording("test", session, codes=(11, 12)))
    assert (".", "no training trials", STOPS) in defects(made)


@each(*CONTINUOUS, *CUT)
def test_a_subject_without_recordings_is_a_defect_that_says_what_is_expected(made):
    shutil.rmtree(made.folder)
    (made.folder / "notes").mkdir(parents=True)
    summary = inspected(made)
    (found,) = summary.defects
    assert (summary.runs, summary.splits, found.action) == ([], {}, STOPS)
    assert "expect" in found.what


# The real samples


@pytest.fixture(scope="module")
def real(real_data):
    """The summary of a subject of a sample."""
    return lambda layout, subject: inspect_subject(study_params(layout=layout, root=real_data / layout), subject)


def test_the_real_things_eeg2(real):
    summary = real("things-eeg2-bids", "sub-01")
    train, test = summary.splits["train"], summary.splits["test"]
    assert (train.events, train.images, train.concepts) == (66_840, 16_540, 1_654)
    assert (test.events, test.images, test.concepts) == (16_224, 200, 200)
    assert (train.repeats_min, train.repeats_max, test.repeats_min, test.repeats_max) == (4, 6, 80, 84)
    assert (summary.sessions, len(summary.runs), summary.channels, summary.sfreqs) == (4, 24, {"eeg": [63]}, [1000.0])
    whats = [defect.what for defect in summary.defects]
    assert "a text stub in place of the signal (the first of 24 files)" in whats
    assert "starts with a UTF-8 byte order mark (BOM) (the first of 24 files)" in whats


def test_the_real_things_meg(real):
    summary = real("things-meg-bids", "sub-BIGMEG1")
    assert (summary.sessions, len(summary.runs), summary.channels, summary.sfreqs) == (2, 20, {"mag": [272]}, [1200.0])
    assert all((run.events["test"], run.events["catch"]) == (20, 20) for run in summary.runs)
    assert {sum(run.events.values()) for run in summary.runs} == {225, 226}
    assert summary.splits["test"].images == 200
    (double,) = [defect for defect in summary.defects if "AppleDouble" in defect.what]
    assert double.place.name == "._sub-BIGMEG1_ses-01_task-main_run-01_events.tsv"
    assert double.action == "ignored"
    assert any(defect.what.startswith("no signal, not even a stub of it") for defect in summary.defects)
