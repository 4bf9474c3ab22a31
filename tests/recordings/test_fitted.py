"""What preprocessing fitted lies in a model's folder and comes back, or one line says what is wrong."""

import numpy as np
import pytest
import safetensors.torch
import torch
from safetensors.numpy import load_file, save_file

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.fitted import FILE, Fitted, load_fitted, save_fitted
from pipeline_lib.recordings.whitening import whitening_of

SESSIONS = {1: ["ses-01/a.npy", "ses-01/b.npy"], 12: ["ses-12/ü.npy"]}


def covariance(seed, n=3):
    mixing = np.random.default_rng(seed).normal(size=(n, n))
    return mixing @ mixing.T + np.eye(n)


@pytest.fixture
def people():
    matrices = {number: whitening_of(covariance(number), where="x").matrix for number in (1, 12)}
    whitened = Fitted(matrices, np.arange(3.0), np.arange(1.0, 4), SESSIONS)
    return {"sub-01": whitened, "sub-1": Fitted(), "sub-02": Fitted(sessions={1: ["x.fif"]})}


def test_each_person_comes_back(tmp_path, people):
    save_fitted(tmp_path, people)
    for subject, fitted in people.items():
        found = load_fitted(tmp_path, subject)
        assert list(found.matrices) == list(fitted.matrices)
        assert all(np.array_equal(found.matrices[number], w) for number, w in fitted.matrices.items())
        assert found.sessions == fitted.sessions
    found = load_fitted(tmp_path, "sub-01", n_channels=3)
    assert np.array_equal(found.mean, [0, 1, 2])
    assert np.array_equal(found.scale, [1, 2, 3])
    assert (load_fitted(tmp_path, "sub-1").mean, load_fitted(tmp_path, "sub-1").matrices) == (None, {})


def test_tensors_have_the_names_of_the_contract(tmp_path, people):
    save_fitted(tmp_path, people)
    tensors = load_file(tmp_path / FILE)
    assert set(tensors) == {"whitening/sub-01/1", "whitening/sub-01/12", "mean/sub-01", "scale/sub-01"}
    assert {str(tensor.dtype) for tensor in tensors.values()} == {"float64"}


def test_the_same_content_is_the_same_bytes(tmp_path, people):
    written = set()
    for name in "abcdef":
        (tmp_path / name).mkdir()
        save_fitted(tmp_path / name, people)
        written.add((tmp_path / name / FILE).read_bytes())
    assert len(written) == 1


def test_conditions_are_those_of_the_noise(people):
    expected = {number: np.linalg.cond(covariance(number)) for number in (1, 12)}
    assert people["sub-01"].conditions == pytest.approx(expected)
    assert people["sub-1"].conditions == {}


def test_a_channel_without_variance_does_not_count_in_the_condition():
    flat = np.zeros((4, 4))
    flat[1:, 1:] = covariance(0)
    fitted = whitening_of(flat, where="x")
    assert Fitted({1: fitted.matrix}).conditions[1] == pytest.approx(fitted.condition)
    assert Fitted({1: np.eye(3)}).conditions == {1: 1.0}


def test_an_unknown_person_is_named(tmp_path, people):
    save_fitted(tmp_path, people)
    with pytest.raises(InputError, match=rf"{FILE}: subject is 'sub-03', allowed: sub-01, sub-1, sub-02"):
        load_fitted(tmp_path, "sub-03")


def test_a_file_that_is_missing_or_cut_off_is_named(tmp_path, people):
    with pytest.raises(InputError, match=f"{FILE}: no such file; train the model again"):
        load_fitted(tmp_path, "sub-01")
    save_fitted(tmp_path, people)
    whole = (tmp_path / FILE).read_bytes()
    for length in (0, 4, 40, len(whole) // 2, len(whole) - 1):
        (tmp_path / FILE).write_bytes(whole[:length])
        with pytest.raises(InputError, match=rf"{FILE}: not a whole safetensors file .*; train the model again"):
            load_fitted(tmp_path, "sub-01")


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        {"sessions": "{"},
        {"sessions": "[]"},
        {"sessions": '{"sub-01": [1]}'},
        {"sessions": '{"s": {"x": []}}'},
    ],
)
def test_metadata_without_sessions_are_one_line(tmp_path, metadata):
    save_file({"mean/sub-01": np.zeros(3)}, tmp_path / FILE, metadata)
    with pytest.raises(InputError, match="its metadata do not name sessions and files; train the model again"):
        load_fitted(tmp_path, "sub-01")


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (
            "whitening/sub-01/1",
            np.zeros((3, 2)),
            r"whitening/sub-01/1 is float64 of shape \(3, 2\), expected .*\(3, 3\)",
        ),
        ("whitening/sub-01/1", np.eye(4), r"shape \(4, 4\), expected finite float64 of shape \(3, 3\)"),
        ("whitening/sub-01/1", np.eye(3, dtype=np.float32), "is float32 of shape"),
        ("whitening/sub-01/1", np.full((3, 3), np.nan), "expected finite"),
        ("whitening/sub-01/one", np.eye(3), "names no session"),
        ("whitening/sub-01", np.eye(3), "names no session"),
        (
            "mean/sub-01",
            np.zeros(4),
            r"mean/sub-01 is float64 of shape \(4,\), expected finite float64 of shape \(3,\)",
        ),
        ("whitening/sub-01/1", np.zeros((3, 3)), "is no whitening matrix, which is symmetric and positive definite"),
        ("whitening/sub-01/1", np.triu(np.ones((3, 3))), "is no whitening matrix"),
        ("scale/sub-01", np.array([1.0, 0.0, 2.0]), "scale/sub-01 must be positive; train"),
        ("mean/sub-01", np.zeros(3), "of mean/sub-01 and scale/sub-01 one is missing; train"),
        ("noise/sub-01", np.zeros(3), "expected finite float64 of shape None"),
    ],
)
def test_a_tensor_of_another_form_is_named(tmp_path, name, array, message):
    save_file({name: array}, tmp_path / FILE, {"sessions": '{"sub-01": {}}'})
    with pytest.raises(InputError, match=message):
        load_fitted(tmp_path, "sub-01", n_channels=3)


def test_a_type_that_numpy_lacks_is_one_line(tmp_path):
    tensors = {"mean/sub-01": torch.zeros(3, dtype=torch.bfloat16)}
    safetensors.torch.save_file(tensors, tmp_path / FILE, {"sessions": '{"sub-01": {}}'})
    with pytest.raises(InputError, match="train the model again"):
        load_fitted(tmp_path, "sub-01")
