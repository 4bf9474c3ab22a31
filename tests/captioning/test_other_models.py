"""Source `model`: BLIP and GIT, which no source is named after, in their real classes at tiny sizes."""

import numpy as np
import pytest
from tokenizers.processors import TemplateProcessing
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    BlipProcessor,
    CLIPImageProcessor,
    GitConfig,
    GitForCausalLM,
    GitProcessor,
)

from pipeline_lib.common.errors import InputError
from tests.captioning.loaded import loaded
from tests.captioning.tiny_chats import IMAGE_SIZE, PATCH, TEXT, bytes_tokenizer, write_model

ROLES = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
VISION = {**TEXT, "image_size": IMAGE_SIZE, "patch_size": PATCH}
IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "sep_token_id": 2}
MIXED = ["This is a photo of", "Briefly describe the 'red star' in the images.", ""] * 2


def tokenizer(template):
    made = bytes_tokenizer([], **ROLES)
    special = [(name, place) for place, name in enumerate(ROLES.values()) if name in template]
    made.backend_tokenizer.post_processor = TemplateProcessing(template, special_tokens=special)
    return made


@pytest.fixture(scope="module")
def blip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "blip"
    images = BlipImageProcessor(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE})
    processor = BlipProcessor(images, tokenizer("[CLS] $A [SEP]"))
    text = {**TEXT, **IDS, "encoder_hidden_size": 32, "vocab_size": len(processor.tokenizer)}
    write_model(BlipForConditionalGeneration, BlipConfig(vision_config=VISION, text_config=text), processor, folder)
    return loaded(folder, source="model")


@pytest.fixture(scope="module")
def git(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "git"
    crop = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    words = tokenizer("[CLS] $A")
    processor = GitProcessor(CLIPImageProcessor(size={"shortest_edge": IMAGE_SIZE}, crop_size=crop), words)
    config = GitConfig(vision_config=VISION, **TEXT, **IDS, vocab_size=len(words))
    write_model(GitForCausalLM, config, processor, folder)
    return loaded(folder, source="model")


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (24 + place, 50, 3), dtype=np.uint8) for place in range(6)]


def one_by_one(captioner, pictures, prompts):
    return [captioner.describe([picture], [prompt])[0] for picture, prompt in zip(pictures, prompts, strict=True)]


def test_git_is_independent_of_its_batch(git, pictures):
    assert git.describe(pictures, MIXED) == one_by_one(git, pictures, MIXED)


def test_blip_is_independent_of_its_batch(blip, pictures):
    same = MIXED[:1] * 6
    captions = blip.describe(pictures, same)
    assert captions == one_by_one(blip, pictures, same)
    assert all(0 < caption.n_tokens <= 8 for caption in captions)


def test_blip_does_not_understand_padding_and_is_spared_it(blip, pictures):
    with pytest.raises(InputError, match=r"prompts of one length only; set caption\.prompt to one without \{concept\}"):
        blip.describe(pictures, MIXED)
