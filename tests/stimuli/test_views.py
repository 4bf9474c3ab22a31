"""The view store: what is put in comes out by id, byte for byte the same each time, or there is no store."""

import zipfile

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.zarr_zip import open_zarr_zip
from pipeline_lib.stimuli.saliency import Saliency
from pipeline_lib.stimuli.views import CHUNK, ViewWriter, open_views

N_IMAGES = 2 * CHUNK + 3


@pytest.fixture
def images():
    rng = np.random.default_rng(0)

    def image():
        return Saliency(rng.integers(0, 256, (6, 5, 3), dtype=np.uint8), rng.integers(0, 256, (6, 5), dtype=np.uint8))

    return {f"folder/image {n}": image() for n in range(N_IMAGES)}


def write(path, images, starts=None):
    rows = list(images.values())
    with ViewWriter(path, list(images), (6, 5)) as writer:
        for start in starts or range(0, len(rows), CHUNK):
            writer.put(start, rows[start : start + CHUNK])


def test_what_is_put_in_comes_out_by_id(tmp_path, images):
    write(tmp_path / "views.zarr.zip", images)
    wanted = [f"folder/image {n}" for n in (17, 0, 9, 0, 8)]
    with open_views(tmp_path / "views.zarr.zip") as views:
        assert views.image_ids == list(images)
        assert views.read(wanted).dtype == views.read_saliency(wanted).dtype == np.uint8
        np.testing.assert_array_equal(views.read(wanted), [images[name].view for name in wanted])
        np.testing.assert_array_equal(views.read_saliency(wanted), [images[name].map for name in wanted])
        assert views.read([]).shape == (0, 6, 5, 3)


def test_the_arrays_are_as_the_contract_says(tmp_path, images):
    write(tmp_path / "views.zarr.zip", images)
    group = open_zarr_zip(tmp_path / "views.zarr.zip")
    assert group["view"].shape == (N_IMAGES, 6, 5, 3)
    assert group["saliency"].shape == (N_IMAGES, 6, 5)
    assert group["view"].dtype == group["saliency"].dtype == np.uint8
    assert group.attrs["image_ids"] == list(images)


def test_what_they_were_made_with_is_kept(tmp_path):
    for name, settings in (("known", {"size": None, "alpha": [0.5, 0.25]}), ("unknown", None)):
        with ViewWriter(tmp_path / name, [], (6, 5), settings):
            pass
        with open_views(tmp_path / name) as views:
            assert views.made_with == settings


def test_the_same_content_is_the_same_file_whatever_the_order_of_chunks(tmp_path, images):
    write(tmp_path / "a.zarr.zip", images)
    write(tmp_path / "b.zarr.zip", images, starts=[2 * CHUNK, 0, CHUNK])
    assert (tmp_path / "a.zarr.zip").read_bytes() == (tmp_path / "b.zarr.zip").read_bytes()


def test_an_empty_store_has_no_rows(tmp_path):
    for shape in ((0, 0), (224, 224)):
        with ViewWriter(tmp_path / "views.zarr.zip", [], shape):
            pass
        with open_views(tmp_path / "views.zarr.zip") as views:
            assert views.image_ids == []
            assert len(views.read([])) == 0


def test_unknown_ids_are_named(tmp_path, images):
    write(tmp_path / "views.zarr.zip", images)
    with (
        open_views(tmp_path / "views.zarr.zip") as views,
        pytest.raises(InputError, match=r"views\.zarr\.zip: 1 image ids are missing: folder/none"),
    ):
        views.read(["folder/image 0", "folder/none"])


def test_an_image_of_another_size_is_named(tmp_path, images):
    wrong = Saliency(np.zeros((6, 7, 3), np.uint8), np.zeros((6, 7), np.uint8))
    with (
        pytest.raises(InputError, match=r"'folder/image 1' has 7 x 6 pixels.*first.*5 x 6.*set vse\.size"),
        ViewWriter(tmp_path / "views.zarr.zip", list(images), (6, 5)) as writer,
    ):
        writer.put(0, [images["folder/image 0"], wrong])
    assert list(tmp_path.iterdir()) == []


def test_rows_are_written_by_whole_chunks(tmp_path, images):
    with ViewWriter(tmp_path / "views.zarr.zip", list(images), (6, 5)) as writer:
        with pytest.raises(ValueError, match="no chunk"):
            writer.put(1, list(images.values())[:2])
        with pytest.raises(ValueError, match="no chunk"):
            writer.put(0, list(images.values())[: CHUNK + 1])


def test_a_failure_leaves_nothing(tmp_path, images):
    with pytest.raises(RuntimeError), ViewWriter(tmp_path / "views.zarr.zip", list(images), (6, 5)) as writer:
        writer.put(0, list(images.values())[:CHUNK])
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_missing_store_is_named(tmp_path):
    with pytest.raises(InputError, match=r"absent\.zarr\.zip"):
        open_views(tmp_path / "absent.zarr.zip")


def test_a_truncated_store_is_named(tmp_path, images):
    path = tmp_path / "views.zarr.zip"
    write(path, images)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"views\.zarr\.zip"):
        open_views(path)


def test_another_store_is_named(tmp_path):
    path = tmp_path / "views.zarr.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("zarr.json", '{"zarr_format": 3, "node_type": "group", "attributes": {}}')
    with pytest.raises(InputError, match=r"views\.zarr\.zip: no view store"):
        open_views(path)
