"""What reading embeddings from files promises."""

import pickle

import numpy as np
import pytest
import torch

from pipeline_lib.common.errors import InputError
from pipeline_lib.retrieval.embedding_files import Embeddings, check_pair, read_embeddings

ROWS = np.arange(1.0, 13.0).reshape(4, 3)


def saved(folder, content, name="x.pt"):
    torch.save(content, folder / name)
    return folder / name


def test_numpy_and_torch_hold_the_same(tmp_path):
    np.save(tmp_path / "x.npy", ROWS.astype(np.float32))
    path = saved(tmp_path, torch.tensor(ROWS, dtype=torch.float32, requires_grad=True))
    for file in (tmp_path / "x.npy", path):
        read = read_embeddings(file)
        assert read.rows.dtype == np.float64
        assert (read.rows == ROWS).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int64])
def test_other_number_types(tmp_path, dtype):
    assert (read_embeddings(saved(tmp_path, torch.tensor(ROWS).to(dtype))).rows == ROWS).all()


@pytest.mark.parametrize("shape", [(4, 1, 3), (4, 3, 1), (4, 1, 1, 3)])
def test_axes_of_length_one_are_left_out(tmp_path, shape):
    np.save(tmp_path / "x.npy", ROWS.reshape(shape))
    assert (read_embeddings(tmp_path / "x.npy").rows == ROWS).all()


def test_the_only_matrix_of_several_entries(tmp_path):
    path = saved(tmp_path, {"labels": torch.arange(4), "eeg": torch.tensor(ROWS), "epoch": 3})
    read = read_embeddings(path)
    assert read.source.endswith("x.pt::eeg")
    assert (read.rows == ROWS).all()


def test_the_only_matrix_named_like_an_image(tmp_path):
    path = saved(tmp_path, {"text_features": torch.ones(4, 3), "img_features": torch.tensor(ROWS)})
    assert read_embeddings(path).source.endswith("::img_features")


def test_the_key_decides(tmp_path):
    path = saved(tmp_path, {"text_features": torch.ones(4, 3), "img_features": torch.tensor(ROWS)})
    assert (read_embeddings(path, "text_features").rows == 1).all()


def refused(path, key=None):
    with pytest.raises(InputError) as caught:
        read_embeddings(path, key, option="--gallery-key")
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)
    return str(caught.value)


def test_several_matrices_need_a_choice(tmp_path):
    path = saved(tmp_path, {"a": torch.ones(4, 3), "b": torch.ones(4, 3)})
    assert refused(path).endswith("holds several matrices: a, b; choose one with --gallery-key")
    assert "did you mean 'text'" in refused(saved(tmp_path, {"text": torch.ones(2, 2)}), "txt")


def test_a_key_for_a_file_without_keys(tmp_path):
    assert "leave --gallery-key 'a' out" in refused(saved(tmp_path, torch.ones(2, 2)), "a")


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, {"sizes": torch.arange(3)}])
def test_no_matrix_at_all(tmp_path, content):
    assert "holds no matrix" in refused(saved(tmp_path, content))


@pytest.mark.parametrize(
    "content", [torch.arange(3.0), torch.ones(2, 3, 4), torch.ones(2, 2, dtype=torch.cfloat), torch.ones(0, 3), "text"]
)
def test_not_a_matrix_of_numbers(tmp_path, content):
    assert "must hold numbers of shape (items, dim)" in refused(saved(tmp_path, content))


@pytest.mark.parametrize(("value", "what"), [(np.nan, "not finite"), (np.inf, "not finite"), (0.0, "only zeros")])
def test_names_the_bad_row(tmp_path, value, what):
    rows = ROWS.copy()
    rows[2] = value
    np.save(tmp_path / "x.npy", rows)
    assert "row 2 of 4 (from 0)" in (message := refused(tmp_path / "x.npy"))
    assert what in message


class Harmful:
    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return open, (self.target, "w")


@pytest.mark.parametrize("name", ["x.npy", "x.pt"])
def test_pickles_are_refused_and_never_run(tmp_path, name):
    if name == "x.npy":
        np.save(tmp_path / name, np.array(Harmful(tmp_path / "harm"), dtype=object))
    else:
        (tmp_path / name).write_bytes(pickle.dumps(Harmful(tmp_path / "harm")))
    assert "cannot be read" in refused(tmp_path / name)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("name", ["x.npy", "x.pt"])
@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n"])
def test_broken_files(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert "cannot be read" in refused(tmp_path / name)


def test_missing_file_and_other_kinds(tmp_path):
    assert "no such file" in refused(tmp_path / "x.npy")
    assert "allowed: .npy, .pt, .pth" in refused(tmp_path / "x.csv")


def test_a_pair_has_one_shape():
    check_pair(Embeddings("a", ROWS), Embeddings("b", ROWS))
    with pytest.raises(InputError, match="a has 4 rows of 3 values, but b has 4 rows of 2 values; row i of one must"):
        check_pair(Embeddings("a", ROWS), Embeddings("b", ROWS[:, :2]))
    with pytest.raises(InputError, match="at least 2 rows"):
        check_pair(Embeddings("a", ROWS[:1]), Embeddings("b", ROWS[:1]))
