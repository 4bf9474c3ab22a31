"""Images of THINGS-MEG: event codes, splits and files, from a list or from the study's own events."""

import pandas as pd
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.things_meg_bids import LAYOUT
from pipeline_lib.stimuli.catalogue import read_catalogue
from tests.recordings.bids_study import place_of, write_table
from tests.recordings.tiny_study import study_params

NAMES = """Event_ID,Category_Prefix,Image
1,00001_aardvark,aardvark_01b.jpg
2,00001_aardvark,aardvark_02s.jpg
3,00002_abacus,abacus_01b.jpg
4,00002_abacus,abacus_02s.jpg
5,00003_bat1,bat1_01b.jpg
"""


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def write_events(root, *trials, subject="sub-BIGMEG1", task="main"):
    base = place_of(root, f"{subject}_ses-01_task-{task}_run-01", "meg")
    rows = [(i, kind, value, 100 * i) for i, (kind, value) in enumerate(trials)]
    table = pd.DataFrame(rows, columns=["onset", "trial_type", "value", "sample"])
    write_table(base.with_name(f"{base.name}_events.tsv"), table)


@pytest.fixture
def folder(tmp_path):
    """A study in BIDS: aardvark is tested and trained, abacus and bat1 only trained; image 2 is shown to nobody."""
    root = tmp_path / "study"
    write_events(root, ("exp", "3.0"), ("test", "1.0"), ("catch", "N/A"), ("exp", "5.0"))
    write_events(root, ("exp", "4.0"), ("test", "1.0"), subject="sub-BIGMEG2")
    write_events(root, ("noise", "N/A"), subject="sub-emptyroom", task="noise")
    (root / "names.csv").write_text(NAMES)
    images = tmp_path / "images"
    touch(images, "aardvark/aardvark_01b.jpg", "aardvark/aardvark_02s.jpg", "abacus/abacus_01b.jpg")
    touch(images, "abacus/abacus_02s.jpg", "bat1/bat1_01b.jpg")
    return study_params(layout="things-meg-bids", root=root, images=images, stimuli=root)


@pytest.fixture
def listed_images(tmp_path):
    """A csv file that lists the images."""

    def write(text):
        path = tmp_path / "images.csv"
        path.write_text(text)
        touch(tmp_path / "images", "00001_a/a_1.jpg", "00001_a/a_2.jpg", "00002_b/b_1.jpg")
        return study_params(layout="things-meg-epochs", root=tmp_path, images=tmp_path / "images", stimuli=path)

    return write


LIST = "value,image,split\n7,00001_a/a_1.jpg,test\n9,00001_a/a_2.jpg,train\n8,00002_b/b_1.jpg,train\n"


# From the study's events


def test_events_and_names_make_the_table(folder):
    frame = read_catalogue(folder).frame
    assert frame["event_code"].tolist() == [1, 3, 4, 5]
    assert frame["split"].tolist() == ["test", "train", "train", "train"]
    assert frame["concept"].tolist() == ["aardvark", "abacus", "abacus", "bat1"]
    assert frame["file"].iloc[0] == "aardvark/aardvark_01b.jpg"


def test_training_images_of_test_concepts_keep_their_codes_as_centres(folder):
    write_events(folder.root, ("exp", "2.0"), ("test", "1.0"), subject="sub-BIGMEG2")
    by_code = read_catalogue(folder).frame.set_index("event_code")["split"].to_dict()
    assert by_code == {1: "test", 2: "center", 3: "train", 5: "train"}
    closed = read_catalogue(folder.model_copy(update={"closed_set": True})).frame
    assert closed.set_index("event_code")["split"].to_dict() == {1: "test", 2: "train", 3: "train", 5: "train"}


def test_concepts_may_lie_in_numbered_folders(folder, tmp_path):
    numbered = tmp_path / "numbered"
    touch(numbered, "00001_aardvark/aardvark_01b.jpg", "00002_abacus/abacus_01b.jpg", "00002_abacus/abacus_02s.jpg")
    touch(numbered, "00003_bat1/bat1_01b.jpg")
    frame = read_catalogue(folder.model_copy(update={"images": numbered})).frame
    assert frame["image_id"].iloc[0] == "00001_aardvark/aardvark_01b"
    assert frame["concept"].tolist() == ["aardvark", "abacus", "abacus", "bat1"]


def test_pictures_that_are_nowhere_are_named_as_tried(folder, tmp_path):
    with pytest.raises(InputError, match=r"holds none of 00001_aardvark/aardvark_01b\.jpg, aardvark/aardvark_01b\.jpg"):
        read_catalogue(folder.model_copy(update={"images": tmp_path / "none"}))


def test_a_missing_picture_is_named(folder):
    (folder.images / "bat1/bat1_01b.jpg").unlink()
    with pytest.raises(InputError, match=r"1 of 4 image files are missing: bat1/bat1_01b\.jpg"):
        read_catalogue(folder)


def test_the_names_may_lie_in_sourcedata(folder):
    (folder.root / "sourcedata").mkdir()
    (folder.root / "names.csv").rename(folder.root / "sourcedata" / "x.csv")
    (folder.root / "sourcedata" / "other.csv").write_text("image_path,trial_type\n")
    (folder.root / "sourcedata" / "._x.csv").write_bytes(b"\x00\x05\x16")
    assert len(read_catalogue(folder)) == 4


def test_without_names_the_file_that_is_needed_is_described(folder):
    (folder.root / "names.csv").unlink()
    with pytest.raises(
        InputError,
        match=r"put a csv file with the columns Event_ID \(`value` of events\.tsv\), Category_Prefix .* there",
    ):
        read_catalogue(folder)


def test_two_files_of_names_are_one_too_many(folder):
    (folder.root / "again.csv").write_text(NAMES)
    with pytest.raises(InputError, match=r"several name them: .*again\.csv, .*names\.csv; keep one"):
        read_catalogue(folder)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (NAMES.replace("5,", "6,"), r"names\.csv: column Event_ID lacks event codes that were shown: 5$"),
        (NAMES.replace("5,", "4,"), r"names\.csv: Event_ID stands there twice: 4$"),
        (NAMES.replace("5,", "five,"), r"names\.csv: Event_ID of row 5 is 'five', allowed: a whole number from 1"),
        (NAMES.replace("5,", "1.5,"), r"names\.csv: Event_ID of row 5 is '1\.5'"),
    ],
)
def test_what_is_wrong_with_the_names_is_said(folder, names, message):
    (folder.root / "names.csv").write_text(names)
    with pytest.raises(InputError, match=message):
        read_catalogue(folder)


def test_an_image_of_both_exp_and_test_is_refused(folder):
    write_events(folder.root, ("exp", "1.0"), ("test", "3.0"), subject="sub-BIGMEG2")
    with pytest.raises(InputError, match=r"event codes are of both exp and test: 1, 3; each must be of one"):
        read_catalogue(folder)


def test_a_folder_without_the_study_says_what_it_must_be(folder, tmp_path):
    with pytest.raises(InputError, match=r"no runs of task main with an events\.tsv; expected a study in BIDS"):
        (tmp_path / "empty").mkdir()
        (tmp_path / "empty" / "names.csv").write_text(NAMES)
        read_catalogue(folder.model_copy(update={"stimuli": tmp_path / "empty"}))
    write_events(folder.root, ("catch", "N/A"))
    write_events(folder.root, ("catch", "N/A"), subject="sub-BIGMEG2")
    with pytest.raises(InputError, match="no events of exp or test"):
        read_catalogue(folder)


# From a list


def test_a_list_gives_codes_files_and_splits(listed_images):
    closed = listed_images(LIST).model_copy(update={"closed_set": True})
    frame = read_catalogue(closed).frame
    assert frame[["event_code", "split", "concept"]].to_numpy().tolist() == [
        [7, "test", "a"],
        [9, "train", "a"],
        [8, "train", "b"],
    ]
    assert read_catalogue(listed_images(LIST)).frame["split"].tolist() == ["test", "center", "train"]


def test_a_list_may_name_concepts(listed_images):
    text = (
        "value,image,split,concept\n7,00001_a/a_1.jpg,test,one\n9,00001_a/a_2.jpg,train,\n8,00002_b/b_1.jpg,train,c\n"
    )
    assert read_catalogue(listed_images(text)).frame["concept"].tolist() == ["one", "a", "c"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("value,image\n7,a\n", r"images\.csv: columns are missing: split; it has: value, image"),
        (LIST.replace("test", "tset"), r"split is 'tset', allowed: train, test, center; did you mean 'test'"),
        (LIST.replace("9,", "N/A,"), r"value of row 2 is 'N/A', allowed: a whole number from 1"),
        (LIST.replace("9,", "8,").replace("00001_a/a_2", "00003_c/c_1"), r"event codes stand for more than one image"),
        (LIST.replace("b_1.jpg", "none.jpg"), r"1 of 3 image files are missing: 00002_b/none\.jpg"),
        (LIST.replace("00002_b/b_1.jpg", "../b_1.jpg"), r"files must lie below study\.images"),
    ],
)
def test_what_is_wrong_with_a_list_is_named(listed_images, text, message):
    with pytest.raises(InputError, match=message):
        read_catalogue(listed_images(text))


def test_a_list_that_is_not_there_is_named(listed_images, tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: no such file; study\.stimuli must name"):
        read_catalogue(listed_images(LIST).model_copy(update={"stimuli": tmp_path / "none.csv"}))


# The real study


@pytest.fixture
def real(real_data, tmp_path, monkeypatch):
    """The real sessions and names; the pictures themselves are not there."""
    source = real_data / "things-meg-bids"
    root = tmp_path / "ds004212"
    (root / "sourcedata").mkdir(parents=True)
    (root / "sub-BIGMEG1").symlink_to(source / "sub-BIGMEG1")
    (root / "sourcedata" / "names.csv").symlink_to(real_data / "things-metadata" / "meg_value_to_image.csv")
    touch(tmp_path / "images", "aardvark/aardvark_03s.jpg")
    monkeypatch.setattr("pipeline_lib.stimuli.meg_images.check_files", lambda *_: None)
    monkeypatch.setattr("pipeline_lib.stimuli.meg_images._first_that_exists", lambda candidates, _: candidates[1])
    return study_params(layout="things-meg-bids", root=root, images=tmp_path / "images", stimuli=root)


def test_no_real_test_concept_is_left_in_training(real):
    table = read_catalogue(real)
    train, test, center = (table.of_split(split) for split in ("train", "test", "center"))
    assert (len(test), test["concept"].nunique(), len(train) + len(center)) == (200, 200, 3708)
    assert not set(train["concept"]) & set(test["concept"])
    assert set(center["concept"]) <= set(test["concept"])
    assert len(center) > 300  # of the 12 per concept, those of two sessions of twelve
    assert not set(train["event_code"]) & set(test["event_code"])


def test_every_real_event_has_its_image(real):
    table = read_catalogue(real)
    known = set(table.frame["event_code"])
    for run in LAYOUT.runs(real, "sub-BIGMEG1"):
        events = run.events()
        assert set(events.loc[events["split"] != "catch", "image"]) <= known


def test_a_real_concept_is_its_name_since_its_number_is_counted_anew(real):
    names = pd.read_csv(real.root / "sourcedata" / "names.csv", index_col="Event_ID")["Category_Prefix"]
    assert set(names[names.str.startswith("00001_")]) == {"00001_aardvark", "00001_aircraft_carrier"}
    concept_of_code = read_catalogue(real).frame.set_index("event_code")["concept"]
    events = pd.concat([run.events() for run in LAYOUT.runs(real, "sub-BIGMEG1")])
    shown = events[events["split"] != "catch"]
    pairs = pd.DataFrame(
        {"name": concept_of_code.loc[shown["image"]].to_numpy(), "number": shown["concept"].to_numpy()}
    )
    assert len(pairs.drop_duplicates()) == pairs["name"].nunique() == pairs["number"].nunique() == 1854
