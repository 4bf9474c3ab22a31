"""Towers in transformers' format give its features; what does not fit is refused."""

import json
import re
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    AutoImageProcessor,
    BitImageProcessor,
    CLIPConfig,
    ConvNextConfig,
    ConvNextModel,
    Dinov2Config,
    Dinov2ForImageClassification,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    ViTConfig,
    ViTForImageClassification,
    ViTModel,
)

from pipeline_lib.common.errors import InputError
from pipeline_lib.features.load import load_model
from tests.features.tiny_models import write_card

CPU = torch.device("cpu")
TINY = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 28, "patch_size": 7}
PROCESSOR = {
    "size": {"shortest_edge": 32},
    "crop_size": {"height": 28, "width": 28},
    "resample": 3,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.3, 0.4],
}


def written(folder, model, **card):
    model.save_pretrained(folder)
    BitImageProcessor(**PROCESSOR).save_pretrained(folder)
    return write_card(folder, {"kind": "transformers", **card})


@pytest.fixture(scope="module")
def dino():
    torch.manual_seed(0)
    return Dinov2Model(Dinov2Config(**TINY)).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, dino):
    return written(tmp_path_factory.mktemp("dino"), dino)


@pytest.fixture
def pixels():
    return torch.randn(3, 3, 28, 28, generator=torch.Generator().manual_seed(1))


def refusal(folder):
    with pytest.raises(InputError) as caught:
        load_model(folder, CPU)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_final_and_intermediate_features_are_dinov2s_own(folder, dino, pixels):
    model = load_model(folder, CPU)
    with torch.inference_mode():
        own = dino(pixel_values=pixels, output_hidden_states=True)
    taken = model.encode_layers(pixels, ["final", "class-3", "mean-1", "both-0.5"])
    torch.testing.assert_close(taken["final"], own.pooler_output)
    torch.testing.assert_close(taken["class-3"], own.hidden_states[3][:, 0])
    torch.testing.assert_close(taken["mean-1"], own.hidden_states[1][:, 1:].mean(1))
    expected = torch.cat([own.hidden_states[2][:, 0], own.hidden_states[2][:, 1:].mean(1)], 1)
    torch.testing.assert_close(taken["both-0.5"], expected)
    assert (model.dim, model.name) == (16, "transformers dinov2 16 x 3")
    with pytest.raises(InputError, match="has no text tower"):
        model.check_text()


def test_the_last_layer_through_the_norm_is_the_final_one(folder, dino, pixels):
    taken = load_model(folder, CPU).encode_layers(pixels, ["final", "class-1.0"])
    with torch.inference_mode():
        torch.testing.assert_close(dino.layernorm(taken["class-1.0"]), taken["final"])


def test_registers_are_no_patches(tmp_path, pixels):
    torch.manual_seed(0)
    tower = Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**TINY, num_register_tokens=2)).eval()
    with torch.inference_mode():
        states = tower(pixel_values=pixels, output_hidden_states=True).hidden_states
    taken = load_model(written(tmp_path, tower), CPU).encode_layers(pixels, ["mean-2"])
    torch.testing.assert_close(taken["mean-2"], states[2][:, 3:].mean(1))


@pytest.mark.parametrize("kind", [ViTModel, ViTForImageClassification, Dinov2ForImageClassification])
def test_poolers_and_classifiers_are_left_out(tmp_path, pixels, kind):
    torch.manual_seed(0)
    config = {**TINY, "intermediate_size": 32}
    tower = kind(Dinov2Config(**TINY) if kind is Dinov2ForImageClassification else ViTConfig(**config)).eval()
    with torch.inference_mode():
        expected = getattr(tower, tower.base_model_prefix, tower)(pixel_values=pixels).last_hidden_state[:, 0]
    torch.testing.assert_close(load_model(written(tmp_path, tower), CPU).encode_images(pixels), expected)


def test_a_residual_network_pools_itself(tmp_path, pixels):
    torch.manual_seed(0)
    tower = ConvNextModel(ConvNextConfig(hidden_sizes=[4, 8], depths=[1, 1], num_stages=2)).eval()
    tower.config.hidden_size = 8
    with torch.inference_mode():
        expected = tower(pixel_values=pixels).pooler_output
    model = load_model(written(tmp_path, tower), CPU)
    torch.testing.assert_close(model.encode_images(pixels), expected)
    assert (model.layers, model.dim) == (("final",), 8)


def test_pixels_are_those_of_the_folders_processor(folder):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (height, 60, 3), dtype=np.uint8) for height in (40, 42, 48)]
    model = load_model(folder, CPU)
    own = AutoImageProcessor.from_pretrained(folder, backend="pil")
    expected = own([Image.fromarray(picture) for picture in pictures], return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(model.preprocess(pictures), expected, atol=1e-5, rtol=0)
    assert str(model.settings).startswith("short side 32 px bicubic, center crop of 28 px, mean [0.5, 0.4, 0.3]")


def test_the_card_overrules_the_processor(tmp_path, dino):
    model = load_model(written(tmp_path, dino, image_size=42, interpolation="bilinear"), CPU)
    assert (model.settings.image_size, model.settings.resize) == (42, 48)
    assert model.encode_images(torch.zeros(1, 3, 42, 42)).shape == (1, 16)


def test_without_processor_the_card_must_say(tmp_path, dino):
    folder = written(tmp_path, dino)
    (folder / "preprocessor_config.json").unlink()
    assert "parameter model.image_size is missing" in refusal(folder)


def test_weights_that_are_missing_or_of_another_shape_are_not_made_up(tmp_path, dino):
    folder = written(tmp_path, dino)
    state = load_file(folder / "model.safetensors")
    save_file({name: value for name, value in state.items() if "layer.1" not in name}, folder / "model.safetensors")
    assert re.search("weights are missing: encoder.*copy both config.json and weights", refusal(folder))
    state["layernorm.weight"] = torch.zeros(3)
    save_file(state, folder / "model.safetensors")
    assert r"layernorm.weight has shape (3,), but config.json asks for (16,)" in refusal(folder)
    (folder / "model.safetensors").write_bytes(b"no tensors")
    assert "transformers cannot load this model" in refusal(folder)
    (folder / "model.safetensors").unlink()
    assert "no weights" in refusal(folder)


def test_pickles_are_not_opened(tmp_path, dino):
    folder = written(tmp_path, dino)
    (folder / "model.safetensors").unlink()
    torch.save(dino.state_dict(), folder / "pytorch_model.bin")
    assert "pytorch_model.bin: a pickle, which may run any code and is not opened" in refusal(folder)


def test_code_in_the_folder_is_not_run(tmp_path, dino):
    folder = written(tmp_path, dino)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    assert "transformers cannot load this model" in refusal(folder)
    assert not (folder / "ran").exists()
    assert "evil" not in sys.modules


def test_image_text_models_are_sent_elsewhere(tmp_path, dino):
    folder = written(tmp_path, dino)
    CLIPConfig().save_pretrained(folder)
    assert "a clip is no model of images alone; take kind open_clip" in refusal(folder)


@pytest.mark.parametrize(("file", "text"), [("config.json", "{"), ("preprocessor_config.json", '{"size": []}')])
def test_damaged_files_are_one_line(tmp_path, dino, file, text):
    folder = written(tmp_path, dino)
    (folder / file).write_text(text)
    assert refusal(folder)
