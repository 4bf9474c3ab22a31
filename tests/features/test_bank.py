"""The feature bank: what is written is read back, by id, and nothing else is."""

import time

import h5py
import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.features.bank import BankWriter, open_bank

IDS = ["train/a_01", "test/ä 狐", 'center/c,"d"']
RAW = np.array([[1.0, -2.5], [0.1, 3e-8], [1e4, 7.0]])
TEXT = np.arange(12.0).reshape(3, 4)
ATTRIBUTES = {"model": "slip-b16", "captions": 'blip2 "🦊" <b>, \n', "normalization": "none"}


def write(path, dtype="float32", datasets=None):
    with BankWriter(path, IDS, dtype=dtype, attributes=ATTRIBUTES) as bank:
        for name, features in (datasets or {"raw/final": RAW, "vse/final": RAW[::-1], "text/final": TEXT}).items():
            bank.write(name, features)
    return path


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / "bank.h5")


def test_round_trip(path):
    with open_bank(path) as bank:
        assert bank.datasets() == ["raw/final", "text/final", "vse/final"]
        assert bank.image_ids == IDS
        assert bank.attributes == ATTRIBUTES
        assert bank.read("raw/final", IDS).dtype == np.float32
        assert np.array_equal(bank.read("raw/final", IDS), RAW.astype(np.float32))
        assert np.array_equal(bank.read("text/final", IDS), TEXT)


def test_rows_follow_the_ids(path):
    with open_bank(path) as bank:
        assert np.array_equal(bank.read("text/final", [IDS[2], IDS[1], IDS[2]]), TEXT[[2, 1, 2]])
        assert bank.read("text/final", []).shape == (0, 4)


def test_half_precision_is_read_as_single(tmp_path):
    with open_bank(write(tmp_path / "bank.h5", dtype="float16")) as bank:
        features = bank.read("raw/final", IDS)
        assert features.dtype == np.float32
        assert np.array_equal(features, RAW.astype(np.float16).astype(np.float32))


def test_same_features_same_bytes_at_any_time(path, tmp_path):
    time.sleep(1.1)  # HDF5 counts seconds
    assert write(tmp_path / "again.h5").read_bytes() == path.read_bytes()


def write_parts(path, cuts, *, names=("raw/final", "vse/final", "text/final")):
    """The same bank, rows cut before `cuts`, the datasets taking turns."""
    datasets = {"raw/final": RAW, "vse/final": RAW[::-1], "text/final": TEXT}
    with BankWriter(path, IDS, dtype="float32", attributes=ATTRIBUTES) as bank:
        for start, stop in zip([0, *cuts], [*cuts, 3], strict=True):
            for name in names:
                bank.write_rows(name, start, datasets[name][start:stop])
    return path


@pytest.mark.parametrize("cuts", [[], [1], [2], [1, 2], [1, 1]])
def test_the_parts_in_which_rows_are_written_change_no_byte(path, tmp_path, cuts):
    assert write_parts(tmp_path / "parts.h5", cuts).read_bytes() == path.read_bytes()


def test_parts_of_large_datasets_are_the_same_bytes_too(tmp_path):
    ids, rng = [f"image-{row:04d}" for row in range(500)], np.random.default_rng(0)
    datasets = {f"raw/mean-{block}": rng.standard_normal((500, 300), dtype=np.float32) for block in range(4)}
    for size in (500, 128, 7):
        with BankWriter(tmp_path / f"{size}.h5", ids, dtype="float32", attributes={}) as bank:
            for start in range(0, 500, size):
                for name, features in datasets.items():
                    bank.write_rows(name, start, features[start : start + size])
    contents = {(tmp_path / f"{size}.h5").read_bytes() for size in (500, 128, 7)}
    assert len(contents) == 1
    with open_bank(tmp_path / "7.h5") as bank:
        assert bank.datasets() == sorted(datasets)
        assert all(np.array_equal(bank.read(name, ids), features) for name, features in datasets.items())


def test_rows_that_were_never_written_are_noticed(tmp_path):
    with (
        pytest.raises(ValueError, match="vse/final: 2 rows were never written"),
        BankWriter(tmp_path / "bank.h5", IDS, dtype="float32", attributes={}) as bank,
    ):
        bank.write("raw/final", RAW)
        bank.write_rows("vse/final", 1, RAW[:1])


def test_an_error_on_the_way_is_not_hidden_by_missing_rows(tmp_path):
    with (
        pytest.raises(InputError, match="the first problem"),
        BankWriter(tmp_path / "bank.h5", IDS, dtype="float32", attributes={}) as bank,
    ):
        bank.write_rows("raw/final", 0, RAW[:1])
        raise InputError("the first problem")


@pytest.mark.parametrize(
    ("start", "features", "message"),
    [
        (2, RAW[:2], r"raw/final, 3 rows: features of shape \(2, 2\) do not fit from row 2 on"),
        (-1, RAW[:1], "do not fit from row -1 on"),
        (0, RAW[0], r"shape \(2,\)"),
        (1, TEXT[:1], "raw/final is 2 wide, got rows that are 4 wide"),
    ],
)
def test_rows_that_do_not_fit(tmp_path, start, features, message):
    with (
        pytest.raises(ValueError, match=message),
        BankWriter(tmp_path / "bank.h5", IDS, dtype="float32", attributes={}) as bank,
    ):
        bank.write_rows("raw/final", 0, RAW[:1])
        bank.write_rows("raw/final", start, features)


def test_a_part_that_is_not_finite_names_its_image(tmp_path):
    with (
        pytest.raises(InputError, match=f"raw/mean-1: features of image {IDS[2]} are not finite".replace('"', ".")),
        BankWriter(tmp_path / "bank.h5", IDS, dtype="float32", attributes={}) as bank,
    ):
        bank.write_rows("raw/mean-1", 1, np.array([[1.0], [np.nan]]))


def test_only_the_rows_and_layers_asked_for_are_loaded(path, monkeypatch):
    read, plain = [], h5py.Dataset.__getitem__

    def watched(dataset, key, *args, **kwargs):
        read.append((dataset.name, key))
        return plain(dataset, key, *args, **kwargs)

    with open_bank(path) as bank:
        monkeypatch.setattr(h5py.Dataset, "__getitem__", watched)
        bank.read("vse/final", IDS[1:2])
    assert read == [("/vse/final", slice(1, 2))]


def test_a_dataset_that_is_not_there_names_those_that_are(path):
    with (
        open_bank(path) as bank,
        pytest.raises(
            InputError, match=r"'vse/block-3', allowed: raw/final, text/final, vse/final; set features.views"
        ),
    ):
        bank.read("vse/block-3", IDS)


def test_missing_images_are_named(path):
    with open_bank(path) as bank, pytest.raises(InputError, match=r"bank\.h5: 1 image ids are missing: train/z"):
        bank.read("raw/final", ["train/z", IDS[0]])


@pytest.mark.parametrize(("value", "dtype"), [(np.nan, "float32"), (np.inf, "float32"), (1e5, "float16")])
def test_features_that_are_not_finite_name_the_image(tmp_path, value, dtype):
    features = RAW.copy()
    features[1, 1] = value
    with pytest.raises(InputError, match=f"raw/final: features of image {IDS[1]} are not finite as {dtype}"):
        write(tmp_path / "bank.h5", dtype=dtype, datasets={"raw/final": features})


@pytest.mark.parametrize("shape", [(2, 4), (3,), (3, 4, 1)])
def test_one_row_per_image(tmp_path, shape):
    with pytest.raises(ValueError, match=r"raw/final must have shape \(3, dim\)"):
        write(tmp_path / "bank.h5", datasets={"raw/final": np.zeros(shape)})


def test_a_missing_file_says_which_stage_makes_it(tmp_path):
    with pytest.raises(InputError, match="no such feature file; run 'dvc repro features' first"):
        open_bank(tmp_path / "bank.h5")


def test_files_of_another_kind(tmp_path):
    (tmp_path / "text.h5").write_text("no HDF5")
    h5py.File(tmp_path / "other.h5", "w").close()
    h5py.File(tmp_path / "numbers.h5", "w").create_dataset("image_id", data=[1, 2])
    for name in ("text.h5", "other.h5", "numbers.h5"):
        with pytest.raises(InputError, match="not a whole feature file") as caught:
            open_bank(tmp_path / name)
        assert "\n" not in str(caught.value)
