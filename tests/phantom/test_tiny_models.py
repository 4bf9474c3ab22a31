"""What the phantom's trained models promise: real formats, and right answers about combinations they never saw."""

from argparse import Namespace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
import torch
import yaml
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, scaled_dot_product_attention
from transformers import AutoModelForImageTextToText, AutoProcessor

from pipeline_lib.phantom import tiny_clip
from pipeline_lib.phantom.images import ALL_CONCEPTS, Concept, caption_of, draw, split_concepts
from pipeline_lib.phantom.tiny_blip2 import build_processor, train_blip2, vision_state, write_blip2
from pipeline_lib.phantom.tiny_clip import TinyClip, caption_tokens, contrastive_loss, train_clip, write_slip
from pipeline_lib.phantom.tiny_training import Pictures, draw_pictures, normalized, random_map, varied

FOLDER = Path(__file__).parents[2] / "data" / "models" / "phantom"
PROMPTS = ("This is a photo of", "Describe the main object in the picture", "")


class Checkpoint(NamedTuple):
    """The shipped SLIP checkpoint and what model.yaml says of it."""

    content: dict[str, Any]
    card: dict[str, Any]

    def model(self) -> TinyClip:
        state = {name.removeprefix("module."): weights for name, weights in self.content["state_dict"].items()}
        model = TinyClip().eval()
        model.load_state_dict(state)
        return model


def read_checkpoint(folder: Path) -> Checkpoint:
    card = yaml.safe_load((folder / "model.yaml").read_text())
    with torch.serialization.safe_globals([Namespace]):
        return Checkpoint(torch.load(folder / card["weights"], weights_only=True), card)


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return read_checkpoint(FOLDER / "slip-b16")


@pytest.fixture(scope="module")
def clip(checkpoint) -> TinyClip:
    return checkpoint.model()


@pytest.fixture(scope="module")
def blip2() -> tuple[Any, Any]:
    folder = FOLDER / "blip2"
    processor = AutoProcessor.from_pretrained(folder, local_files_only=True, backend="pil")
    model = AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    return processor, model.eval()


@pytest.fixture(scope="module")
def unseen(shipped_params) -> list[Concept]:
    held_out = shipped_params["phantom_models"]["held_out"]
    return split_concepts(held_out["seed"], 1, held_out["concepts"])[1]


@pytest.fixture(scope="module")
def photographs(unseen) -> list[np.ndarray]:
    """One fresh picture of each unseen combination, as the study's files hold them: 128 px, JPEG."""
    rng = np.random.default_rng(12345)
    return [through_jpeg(draw(concept, rng, 128)) for concept in unseen]


def through_jpeg(rgb: np.ndarray) -> np.ndarray:
    _, file = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return cv2.cvtColor(cv2.imdecode(file, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def as_input(photographs: list[np.ndarray]) -> Tensor:
    small = np.stack([cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA) for image in photographs])
    return normalized(torch.from_numpy(small).permute(0, 3, 1, 2) / 255)


def answers(blip2, photographs: list[np.ndarray], prompt: str) -> list[str]:
    processor, model = blip2
    inputs = processor(images=photographs, text=[prompt] * len(photographs), return_tensors="pt")
    with torch.inference_mode():
        tokens = model.generate(**inputs, max_new_tokens=20, do_sample=False)
    return processor.batch_decode(tokens[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)


def share_named(texts: list[str], concepts: list[Concept]) -> dict[str, float]:
    """In how many texts each attribute of the concept is named, as a word."""
    pairs = list(zip(texts, concepts, strict=True))
    return {
        attribute: float(np.mean([getattr(concept, attribute) in text.split() for text, concept in pairs]))
        for attribute in Concept._fields
    }


def plain_vision_tower(state: dict[str, Tensor], image: Tensor, heads: int) -> Tensor:
    """A vision transformer in float64, written out: the class token of one image after the final norm."""
    weights = {name.removeprefix("module.visual."): value.double() for name, value in state.items()}
    dim = weights["cls_token"].shape[-1]
    kernel = weights["patch_embed.proj.weight"]
    patches = image.double().unfold(1, 8, 8).unfold(2, 8, 8).permute(1, 2, 0, 3, 4).reshape(64, -1)
    tokens = patches @ kernel.reshape(dim, -1).T + weights["patch_embed.proj.bias"]
    tokens = torch.cat([weights["cls_token"][0], tokens]) + weights["pos_embed"][0]

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x: Tensor, name: str) -> Tensor:
        return layer_norm(x, (dim,), weights[f"{name}.weight"], weights[f"{name}.bias"], eps=1e-6)

    for block in (f"blocks.{i}" for i in range(4)):
        q, k, v = linear(norm(tokens, f"{block}.norm1"), f"{block}.attn.qkv").view(65, 3, heads, -1).permute(1, 2, 0, 3)
        mixed = scaled_dot_product_attention(q, k, v).transpose(0, 1).reshape(65, dim)
        tokens = tokens + linear(mixed, f"{block}.attn.proj")
        tokens = tokens + linear(gelu(linear(norm(tokens, f"{block}.norm2"), f"{block}.mlp.fc1")), f"{block}.mlp.fc2")
    return norm(tokens, "norm")[0]


def few_pictures() -> tuple[Pictures, list[Concept]]:
    concepts = [Concept("circle", "plain", color) for color in ("red", "green", "blue", "white")]
    return draw_pictures(concepts, 4, np.random.default_rng(0)), concepts


def test_the_checkpoint_has_the_format_of_slip(checkpoint):
    assert set(checkpoint.content) == {"epoch", "state_dict", "args"}
    assert isinstance(checkpoint.content["args"], Namespace)
    shapes = {name.removeprefix("module."): tuple(w.shape) for name, w in checkpoint.content["state_dict"].items()}
    assert all(name.startswith("module.") for name in checkpoint.content["state_dict"])
    assert shapes["visual.patch_embed.proj.weight"] == (128, 3, 8, 8)
    assert shapes["visual.pos_embed"] == (1, 65, 128)
    assert shapes["token_embedding.weight"] == (49408, 64)
    assert shapes["image_projection"] == (128, 128)
    assert shapes["text_projection"] == (64, 128)
    assert "transformer.resblocks.1.mlp.c_proj.weight" in shapes
    assert "logit_scale" in shapes


def test_words_that_never_occur_have_zero_embeddings(checkpoint):
    embedding = checkpoint.content["state_dict"]["module.token_embedding.weight"]
    used = {int(token) for parts in tiny_clip.NAMED for token in caption_tokens(list(ALL_CONCEPTS), parts).unique()}
    assert {int(row) for row in embedding.abs().sum(dim=1).nonzero()} == used


def test_a_second_plain_computation_gives_the_same_image_embedding(checkpoint, clip, photographs):
    image = as_input(photographs[:1])
    heads = checkpoint.card["vision_heads"]
    expected = plain_vision_tower(checkpoint.content["state_dict"], image[0], heads) @ clip.image_projection.double()
    with torch.no_grad():
        result = clip.encode_image(image)[0]
    assert torch.allclose(result.double(), expected / expected.norm(), atol=1e-5)


def test_clip_finds_the_caption_of_unseen_combinations(clip, photographs, unseen):
    with torch.no_grad():
        similarity = clip.encode_image(as_input(photographs)) @ clip.encode_text(caption_tokens(unseen)[0]).T
    assert (similarity.argmax(dim=1) == torch.arange(len(unseen))).float().mean() >= 0.75


def test_the_captioner_names_shape_pattern_and_color_of_unseen_combinations(blip2, photographs, unseen):
    shares = share_named(answers(blip2, photographs, PROMPTS[0]), unseen)
    assert min(shares.values()) >= 0.8, shares


@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_prompt_is_answered_with_a_caption(blip2, photographs, prompt):
    captions = {caption_of(concept) for concept in ALL_CONCEPTS}
    for text in answers(blip2, photographs[:8], prompt):
        opening = " a " if prompt else "a photo of a "
        assert text.startswith(opening)
        assert text.removeprefix(opening) in captions


def test_the_captioner_sees_with_the_vision_tower_of_clip(blip2, clip):
    state = blip2[1].vision_model.state_dict()
    for name, weights in vision_state(clip).items():
        assert torch.equal(state[name], weights), name


def test_any_text_can_be_tokenised_and_read_back():
    tokenizer = build_processor().tokenizer
    text = "This is a photo of a striped red star, né?"
    tokens = tokenizer(text).input_ids
    assert tokens[0] == tokenizer.bos_token_id
    assert tokenizer.unk_token_id not in tokens
    assert tokenizer.decode(tokens, skip_special_tokens=True) == text


def test_training_reduces_the_loss_and_repeats_exactly(tmp_path):
    pictures, concepts = few_pictures()
    pace = {"steps": 6, "batch_size": 8, "learning_rate": 1e-3, "seed": 3}
    (model, losses), (again, _) = (train_clip(pictures, concepts, **pace) for _ in range(2))
    assert min(losses[-2:]) < losses[0]
    for folder, trained in (("first", model), ("second", again)):
        write_slip(trained, tmp_path / folder, steps=6)
    assert (tmp_path / "first/weights.pt").read_bytes() == (tmp_path / "second/weights.pt").read_bytes()
    assert (tmp_path / "first/model.yaml").read_bytes() == (FOLDER / "slip-b16/model.yaml").read_bytes()
    image = normalized(pictures.pixels[:2] / 255)
    assert torch.equal(read_checkpoint(tmp_path / "first").model().encode_image(image), model.encode_image(image))


def test_training_the_captioner_reduces_its_loss_and_leaves_the_vision_tower(clip, tmp_path):
    pictures, concepts = few_pictures()
    pace = {"steps": 6, "batch_size": 8, "learning_rate": 1e-3, "seed": 3}
    model, processor, losses = train_blip2(clip, pictures, concepts, **pace)
    assert losses[-1] < 0.9 * losses[0]
    assert torch.equal(model.vision_model.state_dict()["post_layernorm.weight"], clip.visual.norm.weight)
    write_blip2(model, processor, tmp_path / "blip2")
    shipped = {file.name for file in (FOLDER / "blip2").iterdir()}
    assert {file.name for file in (tmp_path / "blip2").iterdir()} == shipped


def test_contrastive_loss_by_hand():
    # Two pictures of one concept: every text is right for both, so the even softmax is the best and costs log 2.
    one = torch.tensor([[1.0, 0], [1, 0]])
    assert contrastive_loss(one, one, torch.tensor([7, 7]), torch.tensor(5.0)).item() == pytest.approx(np.log(2))
    # Two concepts, orthogonal: each row's softmax at scale 1 gives its own text e / (e + 1).
    loss = contrastive_loss(torch.eye(2), torch.eye(2), torch.tensor([0, 1]), torch.tensor(1.0))
    assert loss.item() == pytest.approx(np.log((np.e + 1) / np.e))


@pytest.mark.parametrize("weighted_share", [0.0, 0.5, 1.0])
def test_variations_are_images_and_repeat_with_their_generator(weighted_share):
    pixels = few_pictures()[0].pixels
    first, second = (varied(pixels, torch.Generator().manual_seed(1), weighted_share=weighted_share) for _ in range(2))
    assert first.shape == pixels.shape
    assert torch.equal(first, second)
    assert 0 <= first.min() < first.max() <= 1


def test_maps_reach_from_zero_to_one_and_a_blank_image_gives_no_nan():
    maps = random_map(torch.stack([torch.rand(3, 64, 64), torch.full((3, 64, 64), 0.5)]), torch.Generator())
    assert maps.isfinite().all()
    assert maps.amin(dim=(2, 3)) == pytest.approx(0)
    assert maps.amax(dim=(2, 3)) == pytest.approx(1, abs=1e-3)
