"""The hub is asked once, and where it is out of reach, one line says so at once."""

import time
from types import SimpleNamespace

import huggingface_hub
import pytest
import torch

from pipeline_lib.common.errors import InputError
from pipeline_lib.features.load import load_model
from pipeline_lib.fetching.hub import fetched, name_and_revision, wanted
from tests.features.tiny_models import write_card


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def no_network(monkeypatch):
    asked = []

    def fail(name, **_):
        asked.append(name)
        raise OSError("Name or service not known")

    monkeypatch.setattr(huggingface_hub, "model_info", fail)
    return asked


@pytest.mark.parametrize(
    "card",
    [
        {"kind": "open_clip", "hub": "someone/model"},
        {"kind": "open_clip", "architecture": "ViT-B-32", "pretrained": "openai"},
        {"kind": "timm", "hub": "timm/vit_small_patch14_dinov2.lvd142m"},
        {"kind": "transformers", "hub": "facebook/dinov2-base@main"},
    ],
    ids=lambda card: f"{card['kind']}-{card.get('hub', 'tag')}",
)
def test_a_hub_name_without_network_is_one_line_at_once(tmp_path, no_network, card):
    start = time.perf_counter()
    with pytest.raises(InputError, match="the hub cannot be reached and it is not in the cache; fetch it") as caught:
        load_model(write_card(tmp_path, card), torch.device("cpu"))
    assert time.perf_counter() - start < 5
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "model.yaml"))
    assert len(no_network) == 1


def test_offline_by_choice_says_so(tmp_path, no_network, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="HF_HUB_OFFLINE is set and it is not in the cache; unset it"):
        fetched("someone/model", "model.yaml")


def test_what_is_in_the_cache_needs_no_network(tmp_path, no_network, monkeypatch):
    asked = {}

    def snapshot(name, **options):
        asked.update(options, name=name)
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    assert fetched("someone/model@v2", "model.yaml") == tmp_path
    assert (asked["name"], asked["revision"], asked["local_files_only"]) == ("someone/model", "v2", True)


def test_only_what_is_read_is_fetched(tmp_path, monkeypatch):
    files = ["config.json", "model.safetensors", "pytorch_model.bin", "evil.py", "onnx/model.safetensors", "vocab.txt"]
    asked = {}
    info = SimpleNamespace(sha="c0ffee", siblings=[SimpleNamespace(rfilename=file) for file in files])
    monkeypatch.setattr(huggingface_hub, "model_info", lambda *_, **__: info)
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda _, **options: asked.update(options) or str(tmp_path)
    )
    fetched("someone/model", "model.yaml")
    assert asked["allow_patterns"] == ["config.json", "vocab.txt", "model.safetensors"]
    assert (asked["revision"], asked["local_files_only"]) == ("c0ffee", False)


def test_which_weights_are_fetched():
    files = ["a.bin", "b.json", "folder/c.safetensors", "chat_template.jinja"]
    assert wanted(files, "any") == ["b.json", "chat_template.jinja", "a.bin"]
    assert wanted(files, "safetensors") == wanted(files, "none") == ["b.json", "chat_template.jinja"]
    assert wanted([*files, "d.safetensors"], "any") == ["b.json", "chat_template.jinja", "d.safetensors"]
    assert wanted([*files, "d.safetensors"], "none") == ["b.json", "chat_template.jinja"]


@pytest.mark.parametrize(
    ("hub", "parts"),
    [
        ("owner/name", ("owner/name", "main")),
        ("owner/name@v2", ("owner/name", "v2")),
        ("owner/name@refs/pr/1", ("owner/name", "refs/pr/1")),
    ],
)
def test_name_and_revision(hub, parts):
    assert name_and_revision(hub) == parts


def test_a_name_that_is_none(tmp_path):
    with pytest.raises(InputError, match=r"model\.hub is '\.\./evil'"):
        load_model(write_card(tmp_path, {"kind": "timm", "hub": "../evil"}), torch.device("cpu"))
