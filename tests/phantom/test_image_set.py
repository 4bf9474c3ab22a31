"""What the phantom's image set promises."""

import cv2
import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.phantom.image_set import as_things, metadata_of, plan_image_set, write_image_set


@pytest.fixture(scope="module")
def image_set(tmp_path_factory, small_phantom):
    images = plan_image_set(small_phantom())
    folder = tmp_path_factory.mktemp("study") / "image_set"
    write_image_set(images, folder, seed=7, size=32)
    return images, folder


def files_below(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_holds_the_planned_pictures_and_the_metadata(image_set):
    images, folder = image_set
    pictures = [*images.train, *images.test, *images.center]
    assert (len(images.train), len(images.test), len(images.center)) == (12, 4, 4)
    assert files_below(folder) == {picture.path for picture in pictures} | {"image_metadata.npy"}
    assert all(cv2.imread(str(folder / picture.path)).shape == (32, 32, 3) for picture in pictures)


def test_paths_are_those_of_things(image_set):
    images, _ = image_set
    concept = images.train[0].concept
    name = f"{concept.pattern}-{concept.color}-{concept.shape}"
    assert images.train[0].path == f"training_images/00001_{name}/{name}_01b.jpg"
    assert images.train[1].path == f"training_images/00001_{name}/{name}_02b.jpg"
    assert [picture.path.split("/")[1][:5] for picture in images.test] == ["00001", "00002", "00003", "00004"]
    assert [picture.things_concept[:5] for picture in images.test] == ["00007", "00008", "00009", "00010"]


def test_things_itself_keeps_training_and_test_pictures_of_a_concept_together(image_set):
    moved = as_things(image_set[0])
    assert [picture.path for picture in moved.train[:2]] == [
        f"{picture.things_concept}/{picture.path.split('/')[-1]}" for picture in image_set[0].train[:2]
    ]
    folders = [{picture.path.split("/")[0] for picture in part} for part in (moved.train, moved.test, moved.center)]
    assert folders[1] == folders[2]
    assert not folders[0] & folders[1]


def test_metadata_rows_stand_in_the_order_of_the_event_codes(image_set):
    images, folder = image_set
    metadata = np.load(folder / "image_metadata.npy", allow_pickle=True).item()
    assert metadata == metadata_of(images)
    assert set(metadata) == {
        f"{split}_img_{column}" for split in ("train", "test") for column in ("concepts", "files", "concepts_THINGS")
    }
    for split, top, pictures in (
        ("train", "training_images", images.train),
        ("test", "test_images", images.test),
    ):
        rows = zip(metadata[f"{split}_img_concepts"], metadata[f"{split}_img_files"], strict=True)
        assert [f"{top}/{concept}/{file}" for concept, file in rows] == [picture.path for picture in pictures]


def test_training_and_test_concepts_are_disjoint_and_centers_are_test_concepts(image_set):
    images, _ = image_set
    train, test, center = ({p.concept for p in part} for part in (images.train, images.test, images.center))
    assert not train & test
    assert center == test


def test_file_names_are_unique_over_the_set(image_set):
    images, _ = image_set
    names = [picture.path.split("/")[-1] for picture in [*images.train, *images.test, *images.center]]
    assert len(set(names)) == len(names)


def test_all_pictures_differ(image_set):
    _, folder = image_set
    pictures = list(folder.rglob("*.jpg"))
    assert len({path.read_bytes() for path in pictures}) == len(pictures)


def test_a_picture_does_not_depend_on_how_many_there_are(image_set, small_phantom, tmp_path):
    _, folder = image_set
    fewer = plan_image_set(small_phantom(train_concepts=3, train_images=1, center_images=0))
    write_image_set(fewer, tmp_path / "fewer", seed=7, size=32)
    for picture in [*fewer.train, *fewer.test]:
        assert (tmp_path / "fewer" / picture.path).read_bytes() == (folder / picture.path).read_bytes()


def test_more_concepts_than_there_are_get_one_clear_line(small_phantom):
    with pytest.raises(InputError, match=r"phantom\.train_concepts is 220 .*phantom\.test_concepts is 21.*240"):
        plan_image_set(small_phantom(train_concepts=220, test_concepts=21))
