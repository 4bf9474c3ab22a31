"""LLaVA-1.5, Qwen2-VL and BLIP-2 with Flan-T5 in their real classes: what they are asked, and what they write."""

import json
import shutil

import numpy as np
import pytest
import torch

from pipeline_lib.captioning.decoding import Sampling
from pipeline_lib.common.errors import InputError
from tests.captioning.loaded import loaded
from tests.captioning.tiny_chats import WRITERS

PROMPTS = ["This is a photo of", "Briefly describe the 'red star' in the images.", "", "Describe the main object"]
DRAWN = Sampling(temperature=1.3, top_p=0.9, seed=4)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    for name, write in WRITERS.items():
        write(place / name)
    return {name: place / name for name in WRITERS}


@pytest.fixture(scope="module")
def models(folders):
    return {name: loaded(folder, source=name) for name, folder in folders.items()}


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (24 + 9 * place, 60 - 8 * place, 3), dtype=np.uint8) for place in range(4)]


@pytest.mark.parametrize("name", WRITERS)
def test_equals_one_step_at_a_time(models, pictures, name):
    """Greedy decoding written plainly, without cache: the likeliest next token, appended until the end token."""
    captioner = models[name]
    model, tokenizer = captioner.model, captioner.processor.tokenizer
    inputs, written = dict(captioner.prepare(pictures[:1], PROMPTS[1:2])), []
    start = torch.tensor([[tokenizer.pad_token_id]])
    with torch.inference_mode():
        while len(written) < 8 and tokenizer.eos_token_id not in written:
            said = torch.tensor([written], dtype=torch.int64)
            if model.config.is_encoder_decoder:
                logits = model(**inputs, decoder_input_ids=torch.cat([start, said], 1)).logits
            else:
                logits = model(**longer(inputs, said), use_cache=False).logits
            written.append(int(logits[0, -1].argmax()))
    words = [token for token in written if token not in tokenizer.all_special_ids]
    caption = captioner.describe(pictures[:1], PROMPTS[1:2])[0]
    assert (caption.text, caption.n_tokens) == (tokenizer.decode(words).strip(), len(words))
    assert words


def longer(inputs, said):
    """The same inputs with tokens that are said already."""
    more = {"input_ids": said, "attention_mask": torch.ones_like(said), "mm_token_type_ids": torch.zeros_like(said)}
    return {name: torch.cat([value, more[name]], 1) if name in more else value for name, value in inputs.items()}


@pytest.mark.parametrize("sampling", [None, DRAWN], ids=["greedy", "drawn"])
@pytest.mark.parametrize("name", WRITERS)
def test_batch_and_order_change_no_caption(folders, pictures, name, sampling):
    captioner, keys = loaded(folders[name], source=name, sampling=sampling), list("abcd")
    whole = captioner.describe(pictures, PROMPTS, keys)
    alone = [captioner.describe(*([value] for value in item))[0] for item in zip(pictures, PROMPTS, keys, strict=True)]
    backwards = captioner.describe(pictures[::-1], PROMPTS[::-1], keys[::-1])[::-1]
    assert whole == alone == backwards
    assert len(set(whole)) == 4


@pytest.mark.parametrize("name", WRITERS)
def test_picture_and_prompt_both_count(models, pictures, name):
    first, picture, prompt = (
        models[name].describe([picture], [prompt])
        for picture, prompt in [(pictures[0], PROMPTS[0]), (pictures[1], PROMPTS[0]), (pictures[0], PROMPTS[1])]
    )
    assert first != picture
    assert first != prompt


@pytest.mark.parametrize("name", ["llava", "qwen2-vl"])
def test_a_chat_model_is_asked_in_its_own_template(models, pictures, name):
    processor = models[name].processor
    asked = processor.tokenizer.decode(models[name].prepare(pictures[:1], ["Say <b>x</b>, 'y'"])["input_ids"][0])
    before, after = {
        "llava": ("USER: <image>", "<image>\nSay <b>x</b>, 'y' ASSISTANT:"),
        "qwen2-vl": (
            "<|im_start|>user\n<|vision_start|><|image_pad|>",
            "<|vision_end|>Say <b>x</b>, 'y'<|im_end|>\n<|im_start|>assistant\n",
        ),
    }[name]
    assert asked.removeprefix("<s>").startswith(before)
    assert asked.endswith(after)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (1, 3), (3, 1), (300, 200)])
def test_pictures_of_any_shape(models, name, shape):
    assert len(models[name].describe([np.full((*shape, 3), 9, np.uint8)], ["a"])) == 1


@pytest.mark.parametrize("name", WRITERS)
def test_any_kind_can_be_loaded_by_the_general_source(folders, models, pictures, name):
    general = loaded(folders[name], source="model").describe(pictures, PROMPTS)
    assert general == models[name].describe(pictures, PROMPTS)


def test_another_source_is_named(folders):
    with pytest.raises(InputError, match=r"model_type is 'llava', allowed: qwen2_vl, qwen2_5_vl; set .* to llava"):
        loaded(folders["llava"], source="qwen2-vl")
    with pytest.raises(InputError, match=r"set caption\.source to qwen2-vl"):
        loaded(folders["qwen2-vl"], source="blip2")


@pytest.mark.parametrize("name", ["llava", "qwen2-vl"])
def test_a_folder_without_template(folders, tmp_path, name):
    copy = shutil.copytree(folders[name], tmp_path / "copy")
    (copy / "chat_template.jinja").unlink()
    if name == "qwen2-vl":
        with pytest.raises(InputError, match=r"no chat template \(chat_template.jinja\); copy the whole folder"):
            loaded(copy, source=name)
    else:
        template = loaded(copy, source=name).processor.apply_chat_template(
            [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is it?"}]}]
        )
        assert template == "USER: <image>\nWhat is it? ASSISTANT:"


def test_an_early_folder_of_llava_lacks_patch_size(folders, models, pictures, tmp_path):
    copy = shutil.copytree(folders["llava"], tmp_path / "copy")
    file = copy / "processor_config.json"
    settings = json.loads(file.read_text())
    for name in ("patch_size", "vision_feature_select_strategy", "num_additional_image_tokens"):
        del settings[name]
    file.write_text(json.dumps(settings))
    early = loaded(copy, source="llava")
    assert early.describe(pictures, PROMPTS) == models["llava"].describe(pictures, PROMPTS)


@pytest.mark.parametrize("name", ["llava", "qwen2-vl"])
def test_another_tokenizer_is_refused(folders, tmp_path, name):
    copy = shutil.copytree(folders[name], tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    config["image_token_id" if name == "qwen2-vl" else "image_token_index"] = 7
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"tokenizer and model do not fit: 320 tokens .* against 320, 7; copy both"):
        loaded(copy, source=name)


def test_8_bits_need_a_package(folders, monkeypatch):
    monkeypatch.setattr("pipeline_lib.captioning.loading.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"caption\.dtype is 'int8', which needs the package bitsandbytes; run 'pip"):
        loaded(folders["llava"], source="llava", dtype="int8")
