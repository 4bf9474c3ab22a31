"""Many pictures: the same result for any number of threads and any order, and a picture that fails is named."""

import threading
import time

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline_lib.common.errors import InputError
from pipeline_lib.stimuli.extraction import in_threads, saliency_of_file, write_views
from pipeline_lib.stimuli.images import load_image
from pipeline_lib.stimuli.views import CHUNK, open_views
from pipeline_lib.stimuli.vse import extract_saliency, saliency_steps


def run(path, files, params, threads=2):
    return list(write_views(path, [file.stem for file in files], files, params, threads=threads))


# The store of a study


def test_each_image_stands_under_its_id(tmp_path, folder_of_pictures, vse_params):
    files, params = folder_of_pictures(CHUNK + 2), vse_params(size=32)
    assert run(tmp_path / "views.zarr.zip", files, params) == [file.stem for file in files]
    with open_views(tmp_path / "views.zarr.zip") as views:
        for file in files[::3]:
            expected = extract_saliency(load_image(file, 32), params)
            assert (views.read([file.stem])[0] == expected.view).all()
            assert (views.read_saliency([file.stem])[0] == expected.map).all()


def test_the_store_says_what_it_was_made_with(tmp_path, folder_of_pictures, vse_params):
    params = vse_params(size=32, gamma=0.9)
    run(tmp_path / "views.zarr.zip", folder_of_pictures(2), params)
    with open_views(tmp_path / "views.zarr.zip") as views:
        assert type(params).model_validate(views.made_with) == params


def test_threads_change_no_byte(tmp_path, folder_of_pictures, vse_params):
    files, params = folder_of_pictures(3 * CHUNK + 1), vse_params(size=32)
    stores = [tmp_path / f"{threads}.zarr.zip" for threads in (0, 1, 2, 5)]
    for threads, store in zip((0, 1, 2, 5), stores, strict=True):
        run(store, files, params, threads)
    assert len({store.read_bytes() for store in stores}) == 1


def test_order_does_not_matter(tmp_path, folder_of_pictures, vse_params):
    files, params = folder_of_pictures(CHUNK + 3), vse_params(size=32)
    for name, some in (("all", files), ("reversed", files[::-1]), ("few", files[5:7])):
        run(tmp_path / name, some, params)
    with open_views(tmp_path / "all") as a, open_views(tmp_path / "reversed") as b, open_views(tmp_path / "few") as c:
        assert (a.read(a.image_ids) == b.read(a.image_ids)).all()
        assert (a.read(c.image_ids) == c.read(c.image_ids)).all()


def test_native_size_keeps_pictures_of_one_size(tmp_path, folder_of_pictures, vse_params):
    run(tmp_path / "views.zarr.zip", folder_of_pictures(3, 40, 56), vse_params(size=None))
    with open_views(tmp_path / "views.zarr.zip") as views:
        assert views.read(views.image_ids).shape == (3, 40, 56, 3)


def test_native_size_refuses_pictures_of_two_sizes(tmp_path, folder_of_pictures, vse_params):
    files = folder_of_pictures(CHUNK + 2)
    Image.new("RGB", (9, 9)).save(files[-1])
    with pytest.raises(InputError, match=rf"'{files[-1].stem}' has 9 x 9 pixels.*set vse\.size"):
        run(tmp_path / "views.zarr.zip", files, vse_params(size=None))
    assert not (tmp_path / "views.zarr.zip").exists()


def test_no_pictures_give_an_empty_store(tmp_path, vse_params):
    for size in (None, 224):
        assert run(tmp_path / "views.zarr.zip", [], vse_params(size=size)) == []
        with open_views(tmp_path / "views.zarr.zip") as views:
            assert views.image_ids == []


@pytest.mark.parametrize("threads", [1, 4])
def test_the_first_picture_that_fails_is_named_and_nothing_is_left(tmp_path, folder_of_pictures, vse_params, threads):
    files = folder_of_pictures(5 * CHUNK)
    for broken in (30, 12, 13):
        files[broken].write_text("no picture")
    with pytest.raises(InputError, match=r"picture_12\.png: not an image"):
        run(tmp_path / "views.zarr.zip", files, vse_params(size=32), threads)
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


def test_a_run_that_is_given_up_leaves_nothing(tmp_path, folder_of_pictures, vse_params):
    files = folder_of_pictures(4 * CHUNK)
    running = write_views(tmp_path / "v", [file.stem for file in files], files, vse_params(size=32), threads=2)
    next(running)
    running.close()
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


# Real photographs


def test_photographs_give_valid_images(photos, vse_params):
    for file, result in zip(photos, in_threads(lambda file: saliency_of_file(file, vse_params()), photos), strict=True):
        assert result.view.shape == (224, 224, 3), file
        assert result.map.shape == (224, 224), file
        assert result.map.min() == 0, file
        assert result.map.max() == 255, file
        assert 20 < result.map.mean() < 130, file
        assert (result.view <= load_image(file, 224)).all(), file


def test_photographs_give_the_same_for_any_number_of_threads(tmp_path, photos, vse_params):
    for threads in (1, 3):
        run(tmp_path / str(threads), photos, vse_params(), threads)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "3").read_bytes()


def test_opencv_threads_change_nothing(photos, vse_params):
    before, params = cv2.getNumThreads(), vse_params(size=None)  # at 800 x 600 OpenCV does split its work
    rgb = load_image(photos[0], None)
    try:
        results = []
        for threads in (1, 2, 4):
            cv2.setNumThreads(threads)
            results.append((saliency_steps(rgb, params).antagonism, load_image(photos[0], 224)))
    finally:
        cv2.setNumThreads(before)
    for antagonism, resized in results[1:]:
        assert (antagonism == results[0][0]).all()
        assert (resized == results[0][1]).all()


# Threads


def test_results_come_in_order():
    def slow_at_first(item):
        time.sleep(0.02 if item == 0 else 0)
        return item

    assert list(in_threads(slow_at_first, range(50), threads=4)) == list(range(50))


def test_several_threads_really_work():
    meeting = threading.Barrier(3)  # nobody leaves before three have come
    assert sorted(in_threads(lambda _: meeting.wait(timeout=10), range(3), threads=3)) == [0, 1, 2]


def test_when_an_error_arrives_no_thread_is_at_work():
    at_work, started = [], []

    def work(item):
        started.append(item)
        if item == 3:
            raise InputError("item 3")
        at_work.append(item)
        time.sleep(0.02)
        at_work.remove(item)

    with pytest.raises(InputError, match="item 3"):
        list(in_threads(work, range(500), threads=4))
    assert at_work == []
    assert len(started) < 100


def test_settings_of_the_libraries_are_put_back():
    before = cv2.getNumThreads(), Image.core.get_blocks_max()
    with pytest.raises(ZeroDivisionError):
        list(in_threads(lambda item: 1 // item, [1, 0], threads=1))
    assert (cv2.getNumThreads(), Image.core.get_blocks_max()) == before
    assert np.all([inside == 1 for inside in in_threads(lambda _: cv2.getNumThreads(), range(2))])
