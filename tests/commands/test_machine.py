"""What a machine lacks is said in one line before anything runs."""

from importlib.util import find_spec

import pytest
import torch

from pipeline_lib.balancing import aggregators
from pipeline_lib.commands.machine import check_machine


@pytest.fixture
def problems(params, monkeypatch, tmp_path):
    """The bad findings by name, on a machine without a GPU."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    return lambda: {found.what: found.say for found in check_machine(params) if not found.good}


def test_the_shipped_parameters_need_nothing_special(problems, params):
    assert problems() == {}
    assert [found.what for found in check_machine(params)] == [
        "loss.balancer",
        "caption.device",
        "features.device",
        "train.device",
        "train.precision",
    ]


@pytest.mark.parametrize("section", ["caption", "features", "train"])
def test_a_gpu_that_is_not_there_is_named(problems, params, section, monkeypatch):
    params[section]["device"] = "cuda"
    found = {f"{section}.device": f"{section}.device is 'cuda', but torch finds no GPU here; set it to auto or cpu"}
    assert problems() == found
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert problems() == {}


def test_stages_that_let_no_model_compute_need_no_gpu(problems, params, tmp_path):
    params["caption"].update(device="cuda", source="label")
    params["features"].update(device="cuda", models=str(tmp_path), model="own")
    (tmp_path / "own").mkdir()
    assert set(problems()) == {"features.device"}
    (tmp_path / "own" / "features.npy").touch()
    assert problems() == {}


def test_the_solver_of_nash_mtl_is_asked_for(problems, params, monkeypatch):
    monkeypatch.setattr(aggregators, "find_spec", lambda name: None if name == "ecos" else find_spec(name))
    assert problems() == {}
    params["loss"]["balancer"] = "nash-mtl"
    assert set(problems()) == {"loss.balancer"}
    assert "whose solver ecos is not installed; run pip install 'trialign[nash-mtl]'" in problems()["loss.balancer"]
    monkeypatch.setattr(aggregators, "find_spec", lambda name: name)
    assert problems() == {}


def test_float16_on_a_cpu_is_named(problems, params, monkeypatch):
    params["train"]["precision"] = "float16"
    assert set(problems()) == {"train.precision"}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert problems() == {}
    params["train"]["device"] = "cpu"
    assert set(problems()) == {"train.precision"}
