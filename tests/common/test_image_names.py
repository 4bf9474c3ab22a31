"""What matching images by name promises."""

import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.image_names import match_image_names

IDS = ["train/00001_cat/cat_01", "train/00002_dog/dog_01", "test/00001_cat/cat_09", "test/v1.5", "plain"]


@pytest.mark.parametrize(
    "name",
    [
        "train/00001_cat/cat_01",
        "train/00001_cat/cat_01.jpg",
        "00001_cat/cat_01.jpg",
        "cat_01.png",
        "cat_01",
        " ./train/00001_cat/cat_01.jpg ",
        "/data/images/train/00001_cat/cat_01.jpg",
        r"images\train\00001_cat\cat_01.jpg",
    ],
)
def test_ids_paths_file_names_and_stems(name):
    assert match_image_names([name], IDS, what="list") == ["train/00001_cat/cat_01"]


def test_order_and_repeats_are_kept():
    assert match_image_names(["plain.png", "dog_01", "plain"], IDS, what="list") == ["plain", IDS[1], "plain"]


def test_a_dot_in_a_name_need_not_be_an_extension():
    assert match_image_names(["v1.5", "v1.5.jpg"], IDS, what="list") == ["test/v1.5"] * 2


def test_another_folder_is_another_image():
    with pytest.raises(
        InputError, match=r"images\.txt: 2 images are not in the stimulus table: test/dog_01.jpg, cat_0"
    ):
        match_image_names(["test/dog_01.jpg", "plain", "cat_0"], IDS, what="images.txt")


def test_an_ambiguous_name_lists_what_it_could_be():
    with pytest.raises(InputError, match=r"image 'x.jpg' could be any of a/x, b/x; give its folder too"):
        match_image_names(["a/x", "x.jpg"], ["a/x", "b/x"], what="images.txt")


def test_an_exact_id_wins_over_ambiguity():
    assert match_image_names(["x", "x.jpg"], ["a/x", "x"], what="list") == ["x", "x"]


@pytest.mark.parametrize("name", ["", " ", "/", ".", ".."])
def test_names_of_nothing_match_nothing(name):
    with pytest.raises(InputError, match="1 images are not in the stimulus table"):
        match_image_names([name], IDS, what="list")
