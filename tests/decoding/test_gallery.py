"""Which images are ranked."""

import shutil

import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.stimulus_table import read_stimulus_table
from pipeline_lib.decoding.gallery import read_gallery


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_all_images_of_a_folder_in_order(tmp_path):
    names = ("b/cat.JPG", "a.png", "b/c/dog.webp", "notes.txt", "._a.png", ".hidden/x.png", "b/model.yaml")
    gallery = read_gallery(touch(tmp_path, *names), None, "test", None)
    assert gallery.image_ids == ["a", "b/c/dog", "b/cat"]
    assert gallery.files == [tmp_path / "a.png", tmp_path / "b/c/dog.webp", tmp_path / "b/cat.JPG"]


def test_images_that_differ_in_their_ending_keep_it(tmp_path):
    gallery = read_gallery(touch(tmp_path, "a.jpg", "a.png", "b.png"), None, "test", None)
    assert gallery.image_ids == ["a.jpg", "a.png", "b"]


def test_the_rows_of_a_table(study):
    table = read_stimulus_table(study.stimuli)
    gallery = read_gallery(study.stimuli, table, "test", study.images)
    assert gallery.image_ids == table.ids("test")
    assert all(file.is_file() for file in gallery.files)
    with pytest.raises(
        InputError, match=r"10 of 10 image files are not there, the first is .*; name the folder .*--images"
    ):
        read_gallery(study.stimuli, table, "test", None)


@pytest.mark.parametrize(
    ("names", "said"), [([], "no image files"), (["a.png"], "1 image file"), (["a.txt"], "no image")]
)
def test_a_ranking_needs_two_images(tmp_path, names, said):
    with pytest.raises(InputError, match=rf"^{tmp_path}: the gallery holds {said}.*; a ranking needs at least 2"):
        read_gallery(touch(tmp_path, *names), None, "test", None)


def test_no_such_gallery(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such gallery; give a folder of images, or a stimulus table"):
        read_gallery(tmp_path / "nowhere", None, "test", None)


def test_a_name_that_is_no_text(tmp_path):
    shutil.copy(__file__, bytes(tmp_path) + b"/\xff.png")
    with pytest.raises(InputError, match="is not UTF-8; rename the file"):
        read_gallery(touch(tmp_path, "a.png"), None, "test", None)


def test_a_folder_called_like_an_image_is_none(tmp_path):
    (touch(tmp_path, "a.png", "b.png") / "c.jpg").mkdir()
    assert read_gallery(tmp_path, None, "test", None).image_ids == ["a", "b"]
