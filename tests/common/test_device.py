"""A device is what its parameter names, or one line that says why not."""

import pytest
import torch

from pipeline_lib.common.device import pick_device
from pipeline_lib.common.errors import InputError


@pytest.mark.parametrize(
    ("found", "name", "device"), [(True, "auto", "cuda"), (False, "auto", "cpu"), (True, "cpu", "cpu")]
)
def test_auto_takes_the_gpu_where_there_is_one(monkeypatch, found, name, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found)
    assert pick_device(name).type == device


def test_a_gpu_that_is_not_there_is_no_silent_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(
        InputError, match=r"train\.device is 'cuda', but torch finds no GPU here; set it to auto or cpu"
    ):
        pick_device("cuda", key="train.device")


def test_a_misspelt_device_is_named():
    with pytest.raises(InputError, match="did you mean 'cuda'"):
        pick_device("cude")
