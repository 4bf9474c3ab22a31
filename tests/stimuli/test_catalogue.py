"""The image catalogue: ids, concepts and event codes of each layout, and what is wrong with a study is named."""

import json
import os
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.stimulus_table import read_stimulus_table, write_stimulus_table
from pipeline_lib.recordings.params import StudyParams
from pipeline_lib.stimuli.catalogue import CATALOGUES, read_catalogue
from pipeline_lib.stimuli.naming import concept_of, image_id_of
from tests.recordings.tiny_study import study_params

TRAIN = ["00001_red-plain-star/red-plain-star_01b.jpg", "00001_red-plain-star/red-plain-star_02b.jpg"]
TRAIN += ["00002_aircraft_carrier/aircraft_carrier_01b.jpg"]
TEST = ["00001_chest2/chest2_05s.jpg", "00002_blue-dotted-ring/blue-dotted-ring_01b.jpg"]
CENTER = [
    "00001_chest2/chest2_09n.jpg",
    "00001_chest2/chest2_01b.PNG",
    "00002_blue-dotted-ring/blue-dotted-ring_02b.jpg",
]


@pytest.fixture
def image_set(tmp_path):
    """Write an image set; a path in `missing` is not there."""

    def write(train=TRAIN, test=TEST, center=(), missing=(), **changes):
        folder = tmp_path / "image_set"
        folder.mkdir(exist_ok=True)
        metadata = {}
        for split, top, paths in (("train", "training_images", train), ("test", "test_images", test)):
            metadata[f"{split}_img_concepts"] = [Path(path).parent.name for path in paths]
            metadata[f"{split}_img_files"] = [Path(path).name for path in paths]
            metadata[f"{split}_img_concepts_THINGS"] = ["00099_other" for _ in paths]
            _touch(folder / top, [path for path in paths if path not in missing])
        _touch(folder / "center_images", center)
        np.save(folder / "image_metadata.npy", metadata | changes, allow_pickle=True)
        return study_params(layout="things-eeg2", root=tmp_path, images=folder, stimuli=folder)

    return write


@pytest.fixture
def image_list(tmp_path):
    """Write the text of a csv file."""

    def write(text):
        path = tmp_path / "trials.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return study_params(layout="arrays", root=tmp_path, images=tmp_path / "none", stimuli=path)

    return write


def _touch(folder, paths):
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(Path(path).name)


# Names


@pytest.mark.parametrize(
    ("folder", "concept"),
    [
        ("00001_striped-red-star", "striped red star"),
        ("00010_aircraft_carrier", "aircraft carrier"),
        ("00525_first-aid_kit", "first aid kit"),
        ("00040_chest2", "chest2"),  # THINGS has chest1, too: another concept
        ("star", "star"),
        ("00007_", "00007_"),
    ],
)
def test_concepts_are_readable(folder, concept):
    assert concept_of(folder) == concept


@pytest.mark.parametrize(
    ("file", "image_id"),
    [
        ("training_images/00001_a/a_01b.jpg", "training_images/00001_a/a_01b"),
        ("a\\b.JPEG", "a/b"),
        ("./a.png", "a"),
        ("stim.1", "stim.1"),
        ("face 7.v2.png", "face 7.v2"),
        ("plain", "plain"),
    ],
)
def test_ids_are_paths_without_the_ending_of_an_image(file, image_id):
    assert image_id_of(file) == image_id


# Layout things-eeg2


def test_event_codes_count_the_rows_of_the_metadata(image_set):
    table = read_catalogue(image_set())
    assert table.frame["event_code"].tolist() == [1, 2, 3, 1, 2]
    assert table.frame["file"].tolist() == [f"training_images/{p}" for p in TRAIN] + [f"test_images/{p}" for p in TEST]
    assert table.ids("train")[2] == "training_images/00002_aircraft_carrier/aircraft_carrier_01b"
    assert table.concepts(table.ids("train")) == ["red plain star"] * 2 + ["aircraft carrier"]
    assert table.concepts(table.ids("test")) == ["chest2", "blue dotted ring"]


def test_the_order_of_the_metadata_counts_not_that_of_names(image_set):
    table = read_catalogue(image_set(train=TRAIN[::-1]))
    assert table.of_split("train")["event_code"].tolist() == [1, 2, 3]
    assert table.ids("train")[0].startswith("training_images/00002")


def test_center_images_are_found_sorted_without_event_code(image_set):
    study = image_set(center=[*CENTER, "00001_chest2/._chest2_09n.jpg", "00001_chest2/Thumbs.db"])
    center = read_catalogue(study).of_split("center")
    assert center["file"].tolist() == sorted(f"center_images/{path}" for path in CENTER)
    assert center["event_code"].tolist() == [0, 0, 0]
    assert center["concept"].tolist() == ["chest2", "chest2", "blue dotted ring"]


def test_the_metadata_may_be_named_as_a_file(image_set):
    study = image_set()
    named = study.model_copy(update={"stimuli": study.stimuli / "image_metadata.npy"})
    assert read_catalogue(named).frame.equals(read_catalogue(study).frame)


def test_names_saved_as_arrays_are_read_too(image_set):
    columns = {"train_img_concepts": np.array([Path(path).parent.name for path in TRAIN])}
    assert read_catalogue(image_set(**columns)).frame.equals(read_catalogue(image_set()).frame)


def test_concepts_in_training_and_test_are_named(image_set):
    train = [*TRAIN, "00003_chest2/chest2_01b.jpg"]
    with pytest.raises(InputError, match=r"image_metadata\.npy: 1 concepts stand in both training and test: chest2"):
        read_catalogue(image_set(train=train))
    closed = image_set(train=train).model_copy(update={"closed_set": True})
    assert len(read_catalogue(closed)) == 6


@pytest.mark.parametrize("layout", ["things-eeg2-preprocessed", "things-eeg2-bids"])
def test_every_layout_of_things_eeg2_has_its_images(image_set, layout):
    study = image_set()
    assert read_catalogue(study.model_copy(update={"layout": layout})).frame.equals(read_catalogue(study).frame)


def test_every_layout_has_a_catalogue():
    assert set(CATALOGUES) == set(get_args(StudyParams.model_fields["layout"].annotation))


def test_center_images_of_a_concept_that_is_not_tested_are_named(image_set):
    with pytest.raises(InputError, match="not tested: red plain star"):
        read_catalogue(image_set(center=TRAIN[:1]))


def test_test_images_among_those_of_class_centres_are_named(image_set):
    copied = "00001_chest2/chest2_05s.jpg"
    with pytest.raises(InputError, match=rf"1 of center_images are test images themselves: center_images/{copied}; re"):
        read_catalogue(image_set(center=[*CENTER, copied]))


@pytest.mark.parametrize("names", [None, 5, "a.jpg", np.array([["a.jpg"]])])
def test_metadata_that_hold_no_list_of_names_are_refused(image_set, names):
    with pytest.raises(InputError, match=r"image_metadata\.npy: test_img_files must be a list of names, is a "):
        read_catalogue(image_set(test_img_files=names))


def test_metadata_that_are_not_there_are_named(image_set):
    study = image_set()
    (study.stimuli / "image_metadata.npy").unlink()
    with pytest.raises(InputError, match=r"image_metadata\.npy: no such file; study.stimuli must be the folder that"):
        read_catalogue(study)


def test_missing_files_are_named(image_set):
    with pytest.raises(InputError, match=r"1 of 5 image files are missing: training_images/00002_aircraft"):
        read_catalogue(image_set(missing=TRAIN[2:]))


def test_a_missing_folder_is_named(image_set, tmp_path):
    study = image_set().model_copy(update={"images": tmp_path / "nowhere"})
    with pytest.raises(InputError, match=r"study\.images: there is no folder .*nowhere"):
        read_catalogue(study)


def test_a_missing_metadata_file_is_named(image_set, tmp_path):
    study = image_set().model_copy(update={"stimuli": tmp_path})
    with pytest.raises(InputError, match=r"image_metadata\.npy"):
        read_catalogue(study)


def test_a_missing_key_is_named(image_set):
    study = image_set()
    np.save(study.stimuli / "image_metadata.npy", {"train_img_concepts": []}, allow_pickle=True)
    with pytest.raises(InputError, match=r"image_metadata\.npy: keys are missing: train_img_files"):
        read_catalogue(study)


def test_columns_of_unequal_length_are_named(image_set):
    with pytest.raises(InputError, match="test_img_concepts has 2 entries and test_img_files 1"):
        read_catalogue(image_set(test_img_files=["a.jpg"]))


def test_a_doubled_image_is_named(image_set):
    with pytest.raises(InputError, match=r"image stands there twice.*red-plain-star_01b"):
        read_catalogue(image_set(train=[*TRAIN, TRAIN[0]]))


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_study_without_images_of_a_split_is_refused(image_set, split):
    with pytest.raises(InputError, match=f"there are no images of split {split}"):
        read_catalogue(image_set(**{split: []}))


def test_names_that_leave_the_folder_are_refused(image_set):
    with pytest.raises(InputError, match=r"must lie below study\.images"):
        read_catalogue(image_set(test_img_files=["a.jpg", "../../../passwd"]))


def test_a_pickle_that_holds_code_is_refused_and_not_run(image_set, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    with pytest.raises(InputError, match=r"refused"):
        read_catalogue(image_set(train_img_files=Evil()))
    assert not (tmp_path / "ran").exists()


def test_the_official_lists_of_things_eeg2(real_data, image_set, monkeypatch):
    source = real_data / "things-metadata" / "image_metadata.json"
    if not source.exists():
        pytest.skip(f"{source} not found")
    study = image_set()
    np.save(study.stimuli / "image_metadata.npy", json.loads(source.read_text()), allow_pickle=True)
    with pytest.raises(InputError, match="16740 of 16740 image files are missing"):
        read_catalogue(study)
    monkeypatch.setattr("pipeline_lib.stimuli.image_set.check_files", lambda *_: None)
    table = read_catalogue(study)
    train, test = table.of_split("train"), table.of_split("test")
    assert (len(train), len(test)) == (16540, 200)
    # Code (concept - 1) * 10 + image, both counted from 1.
    assert train["event_code"].iloc[[0, 9, 10, -1]].tolist() == [1, 10, 11, 16540]
    assert train["concept"].nunique() == 1654
    assert (train["concept"].iloc[0], test["concept"].iloc[1]) == ("aardvark", "antelope")


# Layout arrays


def test_event_codes_count_the_images_of_each_split(image_list):
    study = image_list(
        "subject,image,split,concept\n"
        "m1,b.png,train,face\nm1,x.png,test,house\nm1,a.png,train,face\nm2,b.png,train,face\nm2,y.png,test,house\n"
    )
    table = read_catalogue(study)
    assert table.frame["image_id"].tolist() == ["b", "x", "a", "y"]
    assert table.frame["event_code"].tolist() == [1, 1, 2, 2]
    assert table.frame["file"].tolist() == ["b.png", "x.png", "a.png", "y.png"]
    assert table.frame["concept"].tolist() == ["face", "house", "face", "house"]


def test_an_image_without_concept_is_one_of_its_own(image_list):
    assert read_catalogue(image_list("image,split\na.png,train\nb.png,test\n")).frame["concept"].tolist() == ["a", "b"]
    table = read_catalogue(image_list("image,split,concept\na.png,train,\nb.png,test,\na.png,train,face\n"))
    assert table.frame["concept"].tolist() == ["face", "b"]


def test_training_images_of_tested_concepts_serve_class_centres_unless_the_set_is_closed(image_list):
    study = image_list("image,split,concept\na.png,train,face\nb.png,test,face\nc.png,train,car\nd.png,train,car\n")
    assert read_catalogue(study).frame["split"].tolist() == ["center", "test", "train", "train"]
    assert read_catalogue(study).frame["event_code"].tolist() == [0, 1, 1, 2]
    closed = read_catalogue(study.model_copy(update={"closed_set": True})).frame
    assert closed["split"].tolist() == ["train", "test", "train", "train"]
    assert closed["event_code"].tolist() == [1, 1, 2, 3]


def test_center_images_have_no_event_code(image_list):
    table = read_catalogue(image_list("image,split,concept\na,train,x\nb,test,y\nc,center,y\n"))
    assert table.frame["event_code"].tolist() == [1, 1, 0]


CONCEPTS = [
    "a, b",
    'a "quoted" one',
    "two\nlines",
    "  spaced ",
    "NA",
    "null",
    "007",
    "écluse",
    "星",
    "'",
    "=1+1",
    "a\tb",
]


@pytest.mark.parametrize("concept", CONCEPTS, ids=repr)
def test_any_concept_survives_the_table(image_list, tmp_path, concept):
    frame = pd.DataFrame({"image": ["a.png", "b.png"], "split": ["train", "test"], "concept": [concept, "other"]})
    table = read_catalogue(image_list(frame.to_csv(index=False, lineterminator="\n")))
    assert table.frame["concept"].tolist() == [concept, "other"]
    write_stimulus_table(table, tmp_path / "stimuli.csv")
    assert read_stimulus_table(tmp_path / "stimuli.csv").frame.equals(table.frame)


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n"], ids=repr)
def test_line_ends_within_a_concept_are_one_kind(image_list, ending):
    study = image_list(f'image,split,concept\na,train,"two{ending}lines"\nb,test,other\n')
    assert read_catalogue(study).frame["concept"].tolist() == ["two\nlines", "other"]


def test_a_byte_order_mark_is_no_part_of_the_first_column(image_list):
    study = image_list(b"\xef\xbb\xbfimage,split\r\na.png,train\r\nb.png,test\r\n")
    assert read_catalogue(study).frame["image_id"].tolist() == ["a", "b"]


def test_windows_paths_are_read_as_paths(image_list):
    table = read_catalogue(image_list("image,split\nstimuli\\a.png,train\n./b.png , test \nstimuli/a.png,train\n"))
    assert table.frame["file"].tolist() == ["stimuli/a.png", "b.png"]
    assert table.frame["split"].tolist() == ["train", "test"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,split\na,train\na,test\nb,test\n", r"more than one split: a;"),
        ("image,split,concept\na,train,x\na,train,y\nb,test,z\n", r"more than one concept: a;"),
        ("image,split\na.jpg,train\na.png,train\nb,test\n", r"differ only in their ending: a\.jpg, a\.png"),
        (
            "image,split\na,training\nb,test\n",
            r"split is 'training', allowed: train, test, center; did you mean",
        ),
        ("image,split\na,train\n", r"there are no images of split test"),
        ("image,split\na,train\n,test\n", r"column image is empty in rows 2"),
        ("image,split\n", r"there are no images of split train"),
        ("image;split\na;train\n", r"columns are missing: image, split; it has: image;split"),
        ("image,split\n/etc/passwd,train\nb,test\n", r"must lie below study\.images"),
        ("image,split\na,train\n../b,test\n", r"must lie below study\.images"),
        ("", r"not a csv table"),
        (b"image,split\n\xff\xfe\xfa,train\n", r"not a csv table"),
        ("image,split\na,train,1,2\nb,test\n", r"rows have more fields than the header"),
        (b"image,split\na\x00,train\nb,test\x00\n", r"split is"),
    ],
    ids=repr,
)
def test_what_is_wrong_with_a_list_is_named(image_list, text, message):
    with pytest.raises(InputError, match=message) as caught:
        read_catalogue(image_list(text))
    assert "trials.csv" in str(caught.value)


def test_a_missing_list_is_named(image_list, tmp_path):
    study = image_list("").model_copy(update={"stimuli": tmp_path / "absent.csv"})
    with pytest.raises(InputError, match=r"absent\.csv: no such file; study\.stimuli must name"):
        read_catalogue(study)
