"""Towers of timm give timm's features; what does not fit is refused."""

import json
import re

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform, resolve_data_config

from pipeline_lib.common.errors import InputError
from pipeline_lib.features import timm_models
from pipeline_lib.features.load import load_model
from tests.features.tiny_models import write_card

CPU = torch.device("cpu")
CARD = {"kind": "timm", "architecture": "test_vit"}


@pytest.fixture(scope="module")
def tower():
    torch.manual_seed(0)
    return timm.create_model("test_vit", num_classes=10).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tower):
    return written(tmp_path_factory.mktemp("timm"), tower.state_dict())


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (180 + 2 * place, 200, 3), dtype=np.uint8) for place in range(3)]


def written(folder, state, **card):
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, folder / "model.safetensors")
    return write_card(folder, {**CARD, **card})


def refusal(folder):
    with pytest.raises(InputError) as caught:
        load_model(folder, CPU)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_features_and_pixels_equal_timms_own(folder, tower, pictures):
    model = load_model(folder, CPU)
    transform = create_transform(**resolve_data_config({}, model=tower), is_training=False)
    pixels = torch.stack([transform(Image.fromarray(picture)) for picture in pictures])
    with torch.inference_mode():
        expected = tower.forward_head(tower.forward_features(pixels), pre_logits=True)
    torch.testing.assert_close(model.preprocess(pictures), pixels)
    torch.testing.assert_close(model.encode_images(pixels), expected)
    assert model.dim == expected.shape[1]
    assert model.settings.resize == 168  # 160 / 0.95


def test_intermediate_layers_and_no_text(folder, tower, pictures):
    model = load_model(folder, CPU)
    taken = model.encode_layers(model.preprocess(pictures), ["final", "class-1.0", "mean-2"])
    with torch.inference_mode():
        first, last = tower.norm(taken["class-1.0"]), taken["final"]
    torch.testing.assert_close(first, last)
    with pytest.raises(InputError, match="timm test_vit has no text tower"):
        model.check_text()


def test_another_image_size_interpolates_the_positions(folder, tower, tmp_path):
    model = load_model(written(tmp_path, tower.state_dict(), image_size=96), CPU)
    other = timm.create_model("test_vit", img_size=96, num_classes=0).eval()
    state = timm.models.vision_transformer.checkpoint_filter_fn(tower.state_dict(), other)
    other.load_state_dict({name: tensor for name, tensor in state.items() if not name.startswith("head")})
    pixels = torch.randn(2, 3, 96, 96)
    with torch.inference_mode():
        torch.testing.assert_close(model.encode_images(pixels), other(pixels))
    assert (model.settings.image_size, model.settings.resize) == (96, 101)


def test_dinov2_as_its_makers_write_it(tmp_path):
    arguments = {"img_size": 28, "embed_dim": 32, "depth": 2, "num_heads": 2, "num_classes": 0}
    torch.manual_seed(0)
    tower = timm.create_model("vit_small_patch14_dinov2", **arguments).eval()
    state = {"mask_token": torch.zeros(1, 32), **tower.state_dict()}
    torch.save(state, tmp_path / "dinov2_pretrain.pth")
    converted = timm_models._fitted(torch.load(tmp_path / "dinov2_pretrain.pth"), tower, tmp_path)
    assert set(converted) == set(tower.state_dict())


def test_a_residual_network(tmp_path):
    torch.manual_seed(0)
    tower = timm.create_model("test_resnet", num_classes=10).eval()
    model = load_model(written(tmp_path, tower.state_dict(), architecture="test_resnet", image_size=64), CPU)
    pixels = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected = tower.forward_head(tower.forward_features(pixels), pre_logits=True)
    torch.testing.assert_close(model.encode_images(pixels), expected)
    assert model.layers == ("final",)


def test_a_model_of_the_hub(folder, tower, tmp_path, monkeypatch):
    own = {"architecture": "test_vit", "pretrained_cfg": {"mean": [0.1, 0.2, 0.3], "input_size": [3, 96, 96]}}
    save_file(tower.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({**own, "model_args": {"img_size": 160}}))
    monkeypatch.setattr(timm_models, "fetched", lambda name, where: tmp_path)
    model = load_model(write_card(tmp_path, {"kind": "timm", "hub": "timm/test_vit"}), CPU)
    pixels = torch.randn(2, 3, 160, 160)
    assert torch.equal(model.encode_images(pixels), load_model(folder, CPU).encode_images(pixels))
    assert (model.settings.mean, model.settings.image_size) == ((0.1, 0.2, 0.3), 96)


@pytest.mark.parametrize(
    ("change", "card", "message"),
    [
        ({}, {"architecture": None}, "architecture is missing"),
        ({}, {"architecture": "test_vti"}, "architecture is 'test_vti'.*did you mean 'test_vit"),
        ({}, {"architecture": "test_vit2"}, "is missing; the weights do not fit|has no place|has shape"),
        ({}, {"architecture": "vit_small_patch14_dinov2"}, r"has shape .*16, 16\), allowed: .*14, 14\)"),
        ({"norm.weight": None}, {}, r"tensor norm\.weight is missing"),
        ({"blocks.0.mlp.fc1.weight": torch.zeros(2, 2)}, {}, r"blocks\.0\.mlp\.fc1\.weight has shape"),
        ({}, {"weights": "gone.pt"}, "the weights are missing"),
        ({}, {"text_heads": 3}, "text_heads is for kind slip, not for timm"),
        ({}, {"hub": "a/b", "weights": "x"}, "weights and hub name the weights, but only one"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path, tower, change, card, message):
    state = {name: tensor for name, tensor in {**tower.state_dict(), **change}.items() if tensor is not None}
    assert re.search(message, refusal(written(tmp_path, state, **card)))


def test_which_file_is_meant_must_be_clear(tmp_path, tower):
    folder = written(tmp_path, tower.state_dict())
    save_file(tower.state_dict(), folder / "other.safetensors")
    assert "any of model.safetensors, other.safetensors can be meant; name one" in refusal(folder)
    for path in folder.glob("*.safetensors"):
        path.unlink()
    assert re.search(r"no weights \(\*\.safetensors, \*\.pt.*put the checkpoint there", refusal(folder))
