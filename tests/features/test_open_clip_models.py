"""open_clip's models give open_clip's features."""

import json
import re

import numpy as np
import open_clip
import pytest
import torch
from open_clip.model import CLIP, CustomTextCLIP
from PIL import Image

from pipeline_lib.common.errors import InputError
from pipeline_lib.features.load import load_model
from tests.features.tiny_models import OPEN_CLIP_CONFIG, write_open_clip

CPU = torch.device("cpu")
TEXTS = ["a photo of a striped red star", "", "two words"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.manual_seed(0)
    return write_open_clip(tmp_path_factory.mktemp("open_clip"), CLIP(**OPEN_CLIP_CONFIG), OPEN_CLIP_CONFIG)


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (40 + place, 50, 3), dtype=np.uint8) for place in range(5)]


def refusal(folder):
    with pytest.raises(InputError) as caught:
        load_model(folder, CPU)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_features_equal_open_clips_own(folder, pictures):
    own, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    pixels = torch.stack([transform(Image.fromarray(picture)) for picture in pictures])
    model = load_model(folder, CPU)
    with torch.inference_mode():
        images, texts = own.eval().encode_image(pixels), own.encode_text(open_clip.tokenize(TEXTS, context_length=24))
    assert torch.equal(model.preprocess(pictures), pixels)
    assert torch.equal(model.encode_images(pixels), images)
    assert torch.equal(model.encode_texts(TEXTS), texts)
    assert model.dim == images.shape[1] == 24


def test_weights_of_the_older_class_fit_the_newer(tmp_path, folder, pictures):
    config = {**OPEN_CLIP_CONFIG, "custom_text": True}
    torch.manual_seed(0)
    newer = write_open_clip(tmp_path, CLIP(**OPEN_CLIP_CONFIG), config)
    model, older = load_model(newer, CPU), load_model(folder, CPU)
    assert isinstance(model.network, CustomTextCLIP)
    pixels = model.preprocess(pictures)
    assert torch.equal(model.encode_images(pixels), older.encode_images(pixels))
    assert torch.equal(model.encode_texts(TEXTS), older.encode_texts(TEXTS))


def changed(section, **values):
    return {**OPEN_CLIP_CONFIG, section: {**OPEN_CLIP_CONFIG[section], **values}}


@pytest.mark.parametrize(
    ("config", "card", "message"),
    [
        (changed("vision_cfg", layers=3), {}, r"transformer\.resblocks\.2.* is missing"),
        (changed("vision_cfg", patch_size=16), {}, r"has shape \(17, 48\), allowed: \(5, 48\)"),
        (changed("text_cfg", layers=1), {}, "has no place in the architecture"),
        (changed("vision_cfg", depht=1), {}, "cannot be built: .*depht"),
        (changed("text_cfg", hf_model_name="roberta-base"), {}, "'roberta-base' from a hub"),
        (OPEN_CLIP_CONFIG, {"image_size": 64}, "image_size is 64, allowed: 32"),
        (OPEN_CLIP_CONFIG, {"architecture": None}, "architecture is missing"),
        (OPEN_CLIP_CONFIG, {"architecture": "gone.json"}, r"architecture is 'gone\.json'"),
        (OPEN_CLIP_CONFIG, {"architecture": "ViT-B-33"}, "did you mean 'ViT-B-32'"),
        (OPEN_CLIP_CONFIG, {"architecture": "hf-hub:someone/model"}, "allowed: "),
        (OPEN_CLIP_CONFIG, {"architecture": "ViT-B-16-SigLIP"}, "from a hub; choose one that uses CLIP's own"),
        (OPEN_CLIP_CONFIG, {"architecture": "coca_ViT-B-32"}, "generates text"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path, config, card, message):
    assert re.search(message, refusal(write_open_clip(tmp_path, CLIP(**OPEN_CLIP_CONFIG), config, **card)))


@pytest.mark.parametrize("content", ["{", "[]", "{}", json.dumps({"vision_cfg": 3, "text_cfg": {}})])
def test_a_damaged_configuration(tmp_path, content):
    folder = write_open_clip(tmp_path, CLIP(**OPEN_CLIP_CONFIG), OPEN_CLIP_CONFIG)
    (folder / "open_clip_config.json").write_text(content)
    assert "not an open_clip configuration" in refusal(folder)
