"""open_clip's models give open_clip's features."""

import json
import re
import shutil

import numpy as np
import open_clip
import pytest
import torch
from open_clip.model import CLIP, CustomTextCLIP
from PIL import Image
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast

from pipeline_lib.common.errors import InputError
from pipeline_lib.features import open_clip_models
from pipeline_lib.features.load import load_model
from tests.features.tiny_models import OPEN_CLIP_CARD, OPEN_CLIP_CONFIG, write_card, write_open_clip

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


def test_what_the_card_leaves_out_is_as_open_clip_has_it(folder, tmp_path, pictures):
    unsaid = dict.fromkeys(("image_size", "mean", "std", "interpolation"))
    own, stated = (load_model(place, CPU) for place in (copied(folder, tmp_path, **unsaid), folder))
    assert own.settings == stated.settings
    assert torch.equal(own.preprocess(pictures), stated.preprocess(pictures))
    (tmp_path / "open_clip_config.json").write_text(json.dumps(OPEN_CLIP_CONFIG))
    clips = load_model(tmp_path, CPU).settings
    assert clips.mean == open_clip.OPENAI_DATASET_MEAN
    assert clips.std == open_clip.OPENAI_DATASET_STD


def test_a_squashed_image_is_squashed_as_open_clip_does(folder, tmp_path, pictures):
    model = load_model(copied(folder, tmp_path, fit="squash"), CPU)
    settings = model.settings
    transform = open_clip.image_transform(32, False, settings.mean, settings.std, "squash", "bicubic")
    expected = torch.stack([transform(Image.fromarray(picture)) for picture in pictures])
    assert torch.equal(model.preprocess(pictures), expected)


def test_the_revision_tells_other_weights(folder, tmp_path):
    torch.manual_seed(1)
    other = write_open_clip(tmp_path, CLIP(**OPEN_CLIP_CONFIG), OPEN_CLIP_CONFIG)
    assert load_model(folder, CPU).revision != load_model(other, CPU).revision
    assert load_model(folder, CPU).revision == load_model(folder, CPU).revision


def copied(folder, target, **card):
    shutil.copytree(folder, target, dirs_exist_ok=True)
    return write_card(target, {**OPEN_CLIP_CARD, **card})


def with_tokenizer(folder, tokens):
    """A SigLIP-like model with a tokenizer of transformers in its folder."""
    words = [*"abcdefgh", "[UNK]", "</s>"][:tokens]
    raw = Tokenizer(WordLevel({word: place for place, word in enumerate(words)}, unk_token=words[0]))
    raw.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="h", unk_token="a").save_pretrained(folder / "words")
    text = {"vocab_size": 10, "hf_tokenizer_name": "timm/gone", "tokenizer_kwargs": {"clean": "canonicalize"}}
    config = changed("text_cfg", **text)
    return write_open_clip(folder, CLIP(**without_names(config)), config, tokenizer="words")


def without_names(config):
    text = {key: value for key, value in config["text_cfg"].items() if not key.startswith(("hf_", "tokenizer"))}
    return {**config, "text_cfg": text}


def test_a_tokenizer_of_transformers_from_a_folder(tmp_path):
    model = load_model(with_tokenizer(tmp_path, 10), CPU)
    tokens = model.tokenize(["b, C!"])
    assert tokens.shape == (1, 24)
    assert tokens[0, :2].tolist() == [1, 2]
    assert model.encode_texts(["b c", "d"]).shape == (2, 24)


def test_a_tokenizer_that_does_not_fit_or_is_not_there(tmp_path):
    folder = with_tokenizer(tmp_path, 10)
    config = changed("text_cfg", vocab_size=4, hf_tokenizer_name="timm/gone")
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    assert "words: 4 token embeddings do not fit the tokenizer's 10 tokens" in refusal(folder)
    (folder / "words" / "tokenizer.json").write_text("{")
    assert "words: not a tokenizer: " in refusal(folder)
    (folder / "words" / "tokenizer.json").unlink()
    assert "tokenizer.json is missing; put the tokenizer's files there" in refusal(folder)
    write_card(folder, OPEN_CLIP_CARD)
    assert "tokenizer is 'timm/gone' of a hub; copy its files" in refusal(folder)


def test_clips_tokens_in_another_number(tmp_path):
    config = changed("text_cfg", vocab_size=100)
    assert "100 token embeddings do not fit CLIP's 49408 tokens" in refusal(
        write_open_clip(tmp_path, CLIP(**config), config)
    )


def test_a_tag_of_open_clip(tmp_path, monkeypatch, pictures):
    tiny, asked = changed("vision_cfg", layers=1), []

    def given(name, where):
        asked.append(name)
        return tmp_path / "cache"

    torch.manual_seed(0)
    quick = CLIP(**tiny, quick_gelu=True)
    write_open_clip(tmp_path / "cache", quick, tiny)
    monkeypatch.setattr(open_clip_models, "fetched", given)
    monkeypatch.setattr(open_clip, "get_model_config", lambda _: tiny)
    folder = write_card(tmp_path, {"kind": "open_clip", "architecture": "ViT-B-32", "pretrained": "openai"})
    model = load_model(folder, CPU)
    pixels = model.preprocess(pictures)
    assert asked == ["timm/vit_base_patch32_clip_224.openai"]
    assert model.settings.mean == open_clip.OPENAI_DATASET_MEAN
    assert model.name == "open_clip ViT-B-32 openai"
    torch.testing.assert_close(model.encode_images(pixels), quick.eval().encode_image(pixels), atol=1e-5, rtol=0)


def test_an_unknown_tag_names_those_there_are(tmp_path):
    card = {"kind": "open_clip", "architecture": "ViT-B-32", "pretrained": "openia"}
    assert re.search(
        "pretrained is 'openia', allowed for ViT-B-32: openai.*did you mean 'openai'",
        refusal(write_card(tmp_path, card)),
    )


def test_a_model_of_the_hub(folder, tmp_path, monkeypatch, pictures):
    monkeypatch.setattr(open_clip_models, "fetched", lambda name, where: folder)
    model = load_model(write_card(tmp_path, {"kind": "open_clip", "hub": "someone/model@main"}), CPU)
    pixels = model.preprocess(pictures)
    assert torch.equal(model.encode_images(pixels), load_model(folder, CPU).encode_images(pixels))
    assert model.name == "open_clip someone/model@main"


def changed(section, **values):
    return {**OPEN_CLIP_CONFIG, section: {**OPEN_CLIP_CONFIG[section], **values}}


@pytest.mark.parametrize(
    ("config", "card", "message"),
    [
        (changed("vision_cfg", layers=3), {}, r"transformer\.resblocks\.2.* is missing"),
        (changed("vision_cfg", patch_size=16), {}, r"has shape \(17, 48\), allowed: \(5, 48\)"),
        (changed("text_cfg", layers=1), {}, "has no place in the architecture"),
        (changed("vision_cfg", depht=1), {}, "cannot be built: .*depht"),
        (changed("text_cfg", hf_model_name="roberta-base"), {}, "text tower from 'roberta-base' of a hub"),
        (OPEN_CLIP_CONFIG, {"image_size": 64}, "image_size is 64, allowed: 32"),
        (OPEN_CLIP_CONFIG, {"architecture": None}, "architecture is missing"),
        (OPEN_CLIP_CONFIG, {"architecture": "gone.json"}, r"architecture is 'gone\.json'"),
        (OPEN_CLIP_CONFIG, {"architecture": "ViT-B-33"}, "did you mean 'ViT-B-32'"),
        (OPEN_CLIP_CONFIG, {"architecture": "hf-hub:someone/model"}, "allowed: "),
        (
            OPEN_CLIP_CONFIG,
            {"architecture": "ViT-B-16-SigLIP", "image_size": 224},
            "tokenizer is 'timm/ViT-B-16-SigLIP' of a hub; copy",
        ),
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
