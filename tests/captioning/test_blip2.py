"""BLIP-2 from a local folder: what it writes, and what is refused."""

import json
import os
import pickle
import shutil

import numpy as np
import pytest
import torch

from pipeline_lib.common.errors import InputError
from tests.captioning.loaded import loaded
from tests.captioning.tiny_blip2 import write_blip2

PROMPTS = ["This is a photo of", "Briefly describe the 'red star' in the images.", "", "Describe the main object"] * 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "blip2"
    write_blip2(path)
    return path


@pytest.fixture(scope="module")
def model(folder):
    return loaded(folder)


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (24 + place, 50, 3), dtype=np.uint8) for place in range(len(PROMPTS))]


def changed_copy(folder, tmp_path, **values):
    """A copy of `folder` whose config.json has other values."""
    copy = shutil.copytree(folder, tmp_path / "changed")
    config = json.loads((copy / "config.json").read_text())
    for key, value in values.items():
        section, _, name = key.rpartition("__")
        (config[section] if section else config)[name] = value
    (copy / "config.json").write_text(json.dumps(config))
    return copy


def refusal(folder):
    """What is said of `folder`, the same whether the weights are read or only looked at."""
    said = []
    for device in ("cpu", "meta"):
        with pytest.raises(InputError) as caught:
            loaded(folder, device=device)
        assert "\n" not in str(caught.value)
        said.append(str(caught.value))
    assert said[0] == said[1]
    return said[0]


def test_equals_one_step_at_a_time(model, pictures):
    """Greedy decoding written plainly: the likeliest next token, appended until the end token."""
    prompt = PROMPTS[1]
    tokenizer, network = model.processor.tokenizer, model.model
    pixels = model.processor.image_processor([pictures[1]], return_tensors="pt")["pixel_values"]
    image = [network.config.image_token_index] * network.config.num_query_tokens
    tokens = image + tokenizer(prompt)["input_ids"]
    written = []
    with torch.inference_mode():
        while len(written) < 8:
            ids = torch.tensor([tokens + written])
            logits = network(pixel_values=pixels, input_ids=ids, attention_mask=torch.ones_like(ids)).logits
            if (token := int(logits[0, -1].argmax())) == tokenizer.eos_token_id:
                break
            written.append(token)
    words = [token for token in written if token not in tokenizer.all_special_ids]
    caption = model.describe([pictures[1]], [prompt])[0]
    assert caption.text == tokenizer.decode(words)
    assert caption.n_tokens == len(words) > 0


def test_captions_depend_on_the_picture(model, pictures):
    assert len({caption.text for caption in model.describe(pictures, ["This is a photo of"] * len(pictures))}) > 3


def test_the_prompt_is_cut_off(model, pictures):
    for caption in model.describe(pictures, ["this is a photo of a red star in the picture"] * len(pictures)):
        assert not caption.text.startswith("this is a photo of a red star in the picture")
        assert caption.n_tokens <= 8


@pytest.mark.parametrize("size", [1, 5, 12])
def test_batch_size_changes_no_caption(model, pictures, size):
    whole = model.describe(pictures, PROMPTS)
    parts = [
        caption
        for start in range(0, len(pictures), size)
        for caption in model.describe(pictures[start : start + size], PROMPTS[start : start + size])
    ]
    assert parts == whole


def test_pictures_are_resized_by_the_pinned_backend(model):
    assert type(model.processor.image_processor).__name__.endswith("Pil")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_other_precisions_run(folder, pictures, dtype):
    model = loaded(folder, dtype=dtype, max_new_tokens=3)
    assert model.model.language_model.dtype == getattr(torch, dtype)
    assert len(model.describe(pictures[:2], PROMPTS[:2])) == 2


def test_a_missing_folder_says_what_to_put_there(tmp_path):
    assert "config.json is missing); put the model's folder there" in refusal(tmp_path / "gone")


def test_another_kind_of_model_is_refused(folder, tmp_path):
    message = refusal(changed_copy(folder, tmp_path, model_type="llava"))
    assert "model_type is 'llava', allowed: blip-2; set caption.source to llava" in message


def test_a_model_that_does_not_write_is_refused(folder, tmp_path):
    message = refusal(changed_copy(folder, tmp_path, model_type="bert"))
    assert "model_type is 'bert', allowed: blip-2; take a model that writes about images" in message


def test_weights_of_another_shape_are_named(folder, tmp_path):
    message = refusal(changed_copy(folder, tmp_path, text_config__ffn_dim=128))
    assert "layers.0.fc1.bias has shape (64,), but config.json asks for (128,)" in message


def test_weights_that_are_missing_are_never_random(folder, tmp_path):
    message = refusal(changed_copy(folder, tmp_path, text_config__num_hidden_layers=3))
    assert "16 weights are missing: language_model.model.decoder.layers.2" in message


def test_another_tokenizer_is_refused(folder, tmp_path):
    assert "do not fit" in refusal(changed_copy(folder, tmp_path, image_token_index=5))


def test_a_folder_without_weights_or_with_a_stub(folder, tmp_path):
    copy = changed_copy(folder, tmp_path)
    (copy / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")
    assert "cannot load this model" in refusal(copy)
    (copy / "model.safetensors").unlink()
    assert "no weights (*.safetensors); save model and processor" in refusal(copy)


def test_weights_of_which_a_part_is_missing_are_named(folder, tmp_path):
    copy = changed_copy(folder, tmp_path)
    (copy / "model.safetensors").rename(copy / "model-00001-of-00002.safetensors")
    names = {"language_model.lm_head.weight": "model-00002-of-00002.safetensors"}
    (copy / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))
    assert "model-00002-of-00002.safetensors" in refusal(copy)


class Trap:
    """Creates a file when it is unpickled by a careless reader."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_pickled_weights_are_not_opened(folder, tmp_path):
    copy, sprung = changed_copy(folder, tmp_path), tmp_path / "sprung"
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Trap(sprung)}))
    message = refusal(copy)
    assert "the weights are pickles (pytorch_model.bin), which may run any code and are not opened" in message
    assert not sprung.exists()


def test_code_beside_the_weights_is_not_run(folder, tmp_path):
    sprung = tmp_path / "sprung"
    copy = changed_copy(folder, tmp_path, auto_map={"AutoModelForImageTextToText": "modeling.Model"})
    (copy / "modeling.py").write_text(f"open({str(sprung)!r}, 'w')\nclass Model: pass\n")
    loaded(copy)
    assert not sprung.exists()
