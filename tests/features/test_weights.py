"""Checkpoints are read without running anything in them."""

import os
import pickle
from argparse import Namespace
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file

from pipeline_lib.common.errors import InputError
from pipeline_lib.features.weights import read_state_dict

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(1.5)}


class Trap:
    """Creates a file when it is unpickled by a careless reader."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_state_dict(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "checkpoint",
    [
        TENSORS,
        OrderedDict(TENSORS),
        {"state_dict": TENSORS, "epoch": 3, "args": Namespace(model="SLIP", fractions=[0.1])},
        {"state_dict": {f"module.{name}": tensor for name, tensor in TENSORS.items()}},
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_plain_and_training_checkpoints_give_the_same_tensors(tmp_path, checkpoint, zipped):
    torch.save(checkpoint, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
    state = read_state_dict(tmp_path / "w.pt")
    assert list(state) == list(TENSORS)
    assert all(torch.equal(state[name], TENSORS[name]) for name in TENSORS)


def test_safetensors(tmp_path):
    save_file(TENSORS, tmp_path / "w.safetensors")
    assert torch.equal(read_state_dict(tmp_path / "w.safetensors")["a.weight"], TENSORS["a.weight"])


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_is_refused_and_never_run(tmp_path, zipped):
    sprung, path = tmp_path / "sprung", tmp_path / "w.pt"
    torch.save({"state_dict": TENSORS, "args": Trap(sprung)}, path, _use_new_zipfile_serialization=zipped)
    assert "refused, nothing was run: the file holds the Python object posix.system" in refusal(path)
    assert not sprung.exists()


def test_a_bare_pickle_with_code_is_refused_and_never_run(tmp_path):
    sprung, path = tmp_path / "sprung", tmp_path / "w.pt"
    path.write_bytes(pickle.dumps({"state_dict": Trap(sprung)}, protocol=2))
    refusal(path)
    assert not sprung.exists()


def test_a_whole_network_is_refused(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "w.pt")
    assert "the Python object torch.nn.modules.linear.Linear" in refusal(tmp_path / "w.pt")


def test_namespaces_are_allowed_only_while_reading(tmp_path):
    torch.save(Namespace(a=1), tmp_path / "w.pt")
    refusal(tmp_path / "w.pt")
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "w.pt", weights_only=True)


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
@pytest.mark.parametrize(
    "content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"PK\x03\x04 and then nothing"]
)
def test_stubs_and_damaged_files(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert "not a whole checkpoint" in refusal(tmp_path / name)


def test_a_truncated_checkpoint(tmp_path):
    torch.save({"a": torch.zeros(5000)}, tmp_path / "whole.pt")
    (tmp_path / "w.pt").write_bytes((tmp_path / "whole.pt").read_bytes()[:9000])
    assert "not a whole checkpoint" in refusal(tmp_path / "w.pt")


@pytest.mark.parametrize("content", [[1, 2], {}, {"state_dict": {"a": 1}}, {"state_dict": None}, 3.0])
def test_files_without_tensors(tmp_path, content):
    torch.save(content, tmp_path / "w.pt")
    assert "holds no state dict" in refusal(tmp_path / "w.pt")


def test_a_missing_file_says_where_weights_are_set(tmp_path):
    assert "the weights are missing; put the checkpoint there, or change features.model" in refusal(tmp_path / "w.pt")
    assert "the weights are missing" in refusal(tmp_path)
