"""Images of other people's studies in BIDS: from their events, or from a csv."""

import pandas as pd
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.stimuli.catalogue import read_catalogue
from tests.recordings.bids_study import place_of, write_table
from tests.recordings.tiny_study import study_params

FILES = ("face/f1.png", "face/f2.png", "house/h1.png", "car/c1.png")


def write_events(root, stem, *trials, columns=("stim_file", "split")):
    base = place_of(root, stem, "eeg")
    table = pd.DataFrame([(i, *trial) for i, trial in enumerate(trials)], columns=["onset", *columns])
    write_table(base.with_name(f"{base.name}_events.tsv"), table)


@pytest.fixture
def build(tmp_path):
    """A study in BIDS of two subjects; images exist."""
    for file in FILES:
        (tmp_path / "images" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / file).touch()
    write_events(tmp_path / "bids", "sub-1_task-a", ("house/h1.png", "train"), ("car/c1.png", "test"), ("n/a", "key"))
    write_events(tmp_path / "bids", "sub-2_ses-1_task-a", ("face\\f1.png", "Train"), ("car/c1.png", "test"))

    def study(stimuli="", closed_set=False, **bids):
        columns = {"task": None, "image": "stim_file", "split": "split", "concept": None} | bids
        root = tmp_path / "bids"
        return study_params(
            layout="bids",
            root=root,
            stimuli=root / stimuli,
            images=tmp_path / "images",
            closed_set=closed_set,
            bids=columns,
        )

    return study


def test_the_images_of_all_subjects_are_gathered(build):
    frame = read_catalogue(build()).frame
    assert frame["file"].tolist() == ["car/c1.png", "face/f1.png", "house/h1.png"]
    assert frame["split"].tolist() == ["test", "train", "train"]
    assert frame["event_code"].tolist() == [1, 1, 2]
    assert frame["concept"].tolist() == ["car", "face", "house"]


def test_splits_by_other_words_are_named(build):
    study = build("sub-1")
    write_events(study.root, "sub-1_task-a", ("house/h1.png", "training"), ("car/c1.png", "test"), ("n/a", "key"))
    with pytest.raises(InputError, match=r"no event is of split train; column split holds: key, test, training; wri"):
        read_catalogue(study)


def test_the_images_of_one_subject_may_be_the_study(build):
    assert read_catalogue(build("sub-1")).frame["file"].tolist() == ["car/c1.png", "house/h1.png"]


def test_training_images_of_tested_concepts_serve_centres_unless_the_set_is_closed(build):
    study = build()
    write_events(study.root, "sub-3_task-a", ("face/f2.png", "test"), ("face/f1.png", "train"))
    assert dict(zip(*read_catalogue(study).frame[["file", "split"]].to_numpy().T, strict=True)) == {
        "car/c1.png": "test",
        "face/f1.png": "center",
        "face/f2.png": "test",
        "house/h1.png": "train",
    }
    assert read_catalogue(build(closed_set=True)).frame["split"].value_counts()["train"] == 2


def test_concepts_may_have_a_column(build):
    study = build(concept="kind")
    columns = ("stim_file", "split", "kind")
    write_events(study.root, "sub-1_task-a", ("house/h1.png", "train", "building"), columns=columns)
    rows = (("face/f1.png", "train", "n/a"), ("car/c1.png", "test", "vehicle"))
    write_events(study.root, "sub-2_ses-1_task-a", *rows, columns=columns)
    frame = read_catalogue(study).frame
    assert frame.set_index("file")["concept"].to_dict() == {
        "car/c1.png": "vehicle",
        "face/f1.png": "face/f1",  # one of its own
        "house/h1.png": "building",
    }


def test_an_image_without_a_folder_is_a_concept_of_its_own(build):
    study = build()
    (study.images / "x.png").touch()
    write_events(study.root, "sub-3_task-a", ("x.png", "train"))
    assert read_catalogue(study).frame.set_index("file")["concept"]["x.png"] == "x"


def test_a_csv_may_list_the_images(build):
    study = build("list.csv")
    study.stimuli.write_text("image,split,concept\nface/f1.png,train,face\ncar/c1.png,test,car\n")
    assert read_catalogue(study).frame["concept"].tolist() == ["face", "car"]
    study.stimuli.write_text("image,split\nface/none.png,train\ncar/c1.png,test\n")
    with pytest.raises(InputError, match=r"1 of 2 image files are missing: face/none\.png"):
        read_catalogue(study)


def test_other_tasks_name_no_images(build):
    study = build(task="a")
    write_events(study.root, "sub-1_task-rest", ("x",), columns=("trial_type",))
    assert len(read_catalogue(study)) == 3
    with pytest.raises(InputError, match=r"task-rest_events\.tsv: columns are missing: stim_file, split"):
        read_catalogue(build())


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        ([("face/f1.png", "test")], r"bids: images have more than one split: face/f1\.png; each must have one"),
        ([("n/a", "train")], r"sub-3_task-a_events\.tsv, line 2: a train trial names no image in column stim_file"),
        ([("face/none.png", "train")], r"1 of 4 image files are missing: face/none\.png"),
        ([("../f1.png", "train")], r"files must lie below study\.images"),
        ([("face/f1.jpg", "train")], r"differ only in their ending: face/f1\.jpg, face/f1\.png"),
    ],
)
def test_what_is_wrong_with_the_events_is_named(build, trials, message):
    study = build()
    write_events(study.root, "sub-3_task-a", *trials)
    with pytest.raises(InputError, match=message):
        read_catalogue(study)


def test_a_folder_without_events_is_named(build, tmp_path):
    with pytest.raises(InputError, match=r"images: no runs with an events\.tsv; expected a study in BIDS"):
        read_catalogue(build(tmp_path / "images"))
