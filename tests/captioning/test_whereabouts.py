"""What `caption.path` may be: a folder, a name on the hub, or a card that holds one."""

import time
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
from huggingface_hub import constants

from pipeline_lib.captioning.whereabouts import find_model
from pipeline_lib.common.errors import InputError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "blip2"
    place.mkdir()
    (place / "config.json").write_text("{}")
    (place / "model.safetensors").write_bytes(b"weights")
    return place


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A hub cache with one model, and a hub that refuses connections."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    model = tmp_path / "cache" / "models--owner--captioner"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(COMMIT)
    snapshot = model / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    return snapshot


def refusal(path):
    with pytest.raises(InputError) as caught:
        find_model(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_is_known_by_its_content(folder):
    found = find_model(folder)
    assert (found.folder, found.name) == (folder, "blip2")
    assert found.revision.startswith("sha256:")
    assert find_model(folder) == found
    (folder / "modeling.py").write_text("not read, so of no account")
    assert find_model(folder) == found


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_any_change_of_what_is_read_is_another_revision(folder, name):
    before = find_model(folder).revision
    (folder / name).write_bytes(b"other")
    assert find_model(folder).revision != before


@pytest.mark.parametrize("name", ["owner/captioner", "owner/captioner@main", f"owner/captioner@{COMMIT}"])
def test_a_hub_name_is_found_in_the_cache(cache, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    found = find_model(Path(name))
    assert (found.folder, found.name, found.revision) == (cache, "owner/captioner", COMMIT)


def test_a_card_pins_a_model_of_the_hub(cache, tmp_path):
    (tmp_path / "mine").mkdir()
    for name in ("owner/captioner", f"owner/captioner@{COMMIT}"):
        (tmp_path / "mine" / "model.yaml").write_text(f"hub: {name}\n")
        found = find_model(tmp_path / "mine")
        assert (found.folder, found.name, found.revision) == (cache, "owner/captioner", COMMIT)


@pytest.mark.parametrize(
    ("card", "says"),
    [
        ("hub: ../evil\n", "model.hub is '../evil'"),
        ("hub: owner/captioner\nrevision: v2\n", "model.revision"),
        ("path: here\n", "model.path"),
    ],
)
def test_a_card_that_says_something_else_is_refused(cache, tmp_path, card, says):
    (tmp_path / "model.yaml").write_text(card)
    message = refusal(tmp_path)
    assert message.startswith(f"{tmp_path}/model.yaml: ")
    assert says in message


def test_a_card_is_named_where_the_hub_does_not_give_the_model(cache, tmp_path):
    (tmp_path / "model.yaml").write_text("hub: owner/other@v2\n")
    assert refusal(tmp_path).startswith(f"{tmp_path}/model.yaml: the hub does not give owner/other@v2: the hub")


def test_pickles_are_not_fetched(cache, tmp_path, monkeypatch):
    files = ["config.json", "chat_template.jinja", "pytorch_model.bin", "model.py", "onnx/model.safetensors"]
    info = SimpleNamespace(sha=COMMIT, siblings=[SimpleNamespace(rfilename=file) for file in files])
    asked = []
    monkeypatch.setattr(huggingface_hub, "model_info", lambda *_, **__: info)
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda _, **options: asked.extend(options["allow_patterns"]) or str(cache)
    )
    monkeypatch.chdir(tmp_path)
    find_model(Path("owner/captioner"))
    assert asked == ["config.json", "chat_template.jinja"]


def test_without_network_it_is_said_at_once(cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    start = time.monotonic()
    message = refusal(Path("weights/blip2"))
    assert time.monotonic() - start < 5
    assert message.startswith(
        "caption.path, which is no folder here: the hub does not give weights/blip2: the hub cannot be reached and it "
        "is not in the cache; fetch it where there is a network"
    )
    assert "HF_HUB_OFFLINE=1" in message


def test_offline_says_why(cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set and it is not in the cache; unset it" in refusal(Path("owner/other@v2"))


def test_a_full_disk_is_said(cache, tmp_path, monkeypatch):
    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", full)
    assert "no space left on the device; make room, or set HF_HOME" in refusal(Path("owner/other"))


@pytest.mark.parametrize("path", ["nowhere", "data/models/gone", "/abs/gone", "../up/gone", "a b/c"])
def test_what_looks_like_no_hub_name_is_a_missing_folder(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert f"{path} holds no model (config.json is missing); put the model's folder there" in refusal(Path(path))
