"""Ready features are joined by image name, in whatever order they come."""

import numpy as np
import pytest

from pipeline_lib.captioning.table import caption_table
from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import validated
from pipeline_lib.features.params import FeaturesParams
from pipeline_lib.features.supplied import is_supplied, read_supplied, supplied_source
from tests.captioning.small_study import small_table

TABLE = small_table()
IDS = TABLE.frame["image_id"].tolist()
FEATURES = np.arange(24, dtype=np.float16).reshape(6, 4)
NO_CAPTIONS = caption_table([], [], source="none")


def write(folder, names, features=FEATURES):
    np.save(folder / "features.npy", features)
    (folder / "images.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    return folder


def test_rows_are_found_by_name_in_shuffled_order(tmp_path):
    order = np.random.default_rng(0).permutation(6)
    forms = ["{}", "{}.jpg", "/data/images/{}.png", "D:\\images\\{}.jpg", "{}", "{}.png"]
    names = [forms[row].format(IDS[row]) for row in order]
    found = read_supplied(write(tmp_path, names, FEATURES[order]), TABLE)
    assert found.dtype == np.float32
    assert np.array_equal(found, FEATURES)


def test_stems_are_enough_where_they_are_unique(tmp_path):
    names = [image_id.rsplit("/")[-1] for image_id in reversed(IDS)]
    assert np.array_equal(read_supplied(write(tmp_path, names), TABLE), FEATURES[::-1])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([*IDS[:5], "unicorn"], r"images\.txt.*not in the stimulus table: unicorn"),
        ([*IDS[:5], IDS[0]], f"more than once: {IDS[0]}"),
        (IDS[:5], r"features\.npy has 6 rows, but images\.txt names 5 images"),
        ([*IDS, "x"], "names 7 images"),
    ],
)
def test_features_and_images_that_do_not_match(tmp_path, names, message):
    with pytest.raises(InputError, match=message):
        read_supplied(write(tmp_path, names), TABLE)


def test_an_image_without_features_is_named(tmp_path):
    with pytest.raises(InputError, match=f"missing: {IDS[5]}"):
        read_supplied(write(tmp_path, IDS[:5], FEATURES[:5]), TABLE)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.zeros(6), r"shape \(n_images, dim\), is float64 of shape \(6,\)"),
        (np.zeros((6, 2, 2)), r"is float64 of shape \(6, 2, 2\)"),
        (np.full((6, 2), "x"), "one array of numbers"),
        (np.zeros((6, 2), dtype=complex), "one array of numbers"),
        (np.full((6, 2), None, dtype=object), "not a plain npy array"),
    ],
)
def test_arrays_of_another_kind(tmp_path, features, message):
    with pytest.raises(InputError, match=message):
        read_supplied(write(tmp_path, IDS, features), TABLE)


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs", b"\x93NUMPY\x01\x00v\x00{'descr'"])
def test_a_damaged_array(tmp_path, content):
    write(tmp_path, IDS)
    (tmp_path / "features.npy").write_bytes(content)
    with pytest.raises(InputError, match=r"features\.npy: not a plain npy array"):
        read_supplied(tmp_path, TABLE)


def test_names_are_needed(tmp_path):
    write(tmp_path, IDS)
    (tmp_path / "images.txt").unlink()
    with pytest.raises(InputError, match="it must name the image of each row"):
        read_supplied(tmp_path, TABLE)


def source(params, folder, captions=NO_CAPTIONS, **values):
    params["features"].update({"models": str(folder.parent), "model": folder.name, "views": ["raw"], **values})
    return supplied_source(validated(params, "features", FeaturesParams), TABLE, captions=captions)


def test_they_are_the_raw_view_of_the_bank(tmp_path, params):
    assert not is_supplied(tmp_path)
    assert is_supplied(write(tmp_path, IDS))
    made = source(params, tmp_path)
    ((name, start, features),) = made.rows
    assert start == 0
    assert name == "raw/final"
    assert np.array_equal(features, FEATURES)
    assert made.attributes["model"] == tmp_path.name


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"views": ["raw", "vse"]}, r"features\.views is \['raw', 'vse'\], allowed: \[raw\]"),
        ({"views": ["vse"]}, r"allowed: \[raw\]"),
        ({"views": ["raw", "blur-low"]}, r"allowed: \[raw\]"),
        ({"layers": ["final", "mean-3"]}, r"features\.layers .*allowed: \[final\]"),
        ({"captions": caption_table(IDS, ["x"] * 6, source="label")}, r"set caption\.source to none"),
    ],
)
def test_what_ready_features_cannot_give(tmp_path, params, values, message):
    with pytest.raises(InputError, match=message):
        source(params, write(tmp_path, IDS), **values)
