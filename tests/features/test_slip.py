"""A SLIP checkpoint gives the features of the published architecture; what does not fit is refused."""

import numpy as np
import pytest
import torch

from pipeline_lib.common.errors import InputError
from pipeline_lib.features.card import ImageSettings, read_card
from pipeline_lib.features.load import load_model
from pipeline_lib.features.slip import read_shape
from tests.features.tiny_models import (
    SLIP_CARD,
    plain_image_features,
    plain_text_features,
    slip_state,
    write_card,
    write_slip,
)

CPU = torch.device("cpu")
TEXTS = ["a photo of a striped red star", "", "don't: 1,2 🦊", "word " * 60]


@pytest.fixture(scope="module")
def state():
    return slip_state()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, state):
    return write_slip(tmp_path_factory.mktemp("slip"), state)


@pytest.fixture
def pixels():
    return torch.randn(5, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def refusal(folder):
    with pytest.raises(InputError) as caught:
        load_model(folder, CPU)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_features_equal_the_published_forward_pass(folder, state, pixels):
    model = load_model(folder, CPU)
    expected = plain_image_features(state, pixels, heads=4)
    assert expected.std() > 0.1
    torch.testing.assert_close(model.encode_images(pixels).double(), expected, atol=1e-5, rtol=0)
    expected = plain_text_features(state, model.tokenize(TEXTS), heads=2)
    torch.testing.assert_close(model.encode_texts(TEXTS).double(), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("width", "heads", "others"), [(384, 12, 6), (768, 12, 8), (1024, 16, 8)])
def test_small_base_and_large_as_published(tmp_path, pixels, width, heads, others):
    state = slip_state(width=width, text_width=512, dim=512, layers=2, patch=16)
    model = load_model(write_slip(tmp_path, state, vision_heads=None, text_heads=None), CPU)
    expected, wrong = (plain_image_features(state, pixels, heads=number) for number in (heads, others))
    assert (expected - wrong).abs().max() > 1e-2  # which shapes cannot show
    found = model.encode_images(pixels).double()
    torch.testing.assert_close(found, expected, atol=1e-5 * float(expected.abs().max()), rtol=0)
    expected = plain_text_features(state, model.tokenize(TEXTS), heads=8)
    found = model.encode_texts(TEXTS).double()
    torch.testing.assert_close(found, expected, atol=1e-5 * float(expected.abs().max()), rtol=0)
    assert model.dim == 512


@pytest.mark.parametrize(("width", "heads"), [(384, 12), (768, 12), (1024, 16)])
def test_sizes_of_the_published_models(tmp_path, width, heads):
    with torch.device("meta"):
        state = slip_state(width=width, text_width=512, dim=512, layers=3, patch=16)
    card = read_card(write_card(tmp_path, SLIP_CARD))
    shape = read_shape(state, card, tmp_path / "slip.pt")
    assert shape.tower[1:5] == (16, width, 3, heads)
    assert (shape.text_width, shape.text_layers, shape.text_heads, shape.dim) == (512, 3, 8, 512)


def test_a_clip_checkpoint_lacks_only_what_is_not_used(tmp_path, state, folder, pixels):
    clip = {name: tensor for name, tensor in state.items() if not name.startswith("image_mlp")}
    models = [load_model(place, CPU) for place in (write_slip(tmp_path, clip), folder)]
    assert torch.equal(*(model.encode_images(pixels) for model in models))
    assert torch.equal(*(model.encode_texts(TEXTS) for model in models))


def test_simclr_gives_the_towers_output_and_no_text(tmp_path, state, pixels):
    simclr = {name: tensor for name, tensor in state.items() if name.startswith(("visual.", "image_mlp."))}
    model = load_model(write_slip(tmp_path, simclr), CPU)
    unprojected = plain_image_features({**state, "image_projection": torch.eye(48)}, pixels, heads=4)
    torch.testing.assert_close(model.encode_images(pixels).double(), unprojected, atol=1e-5, rtol=0)
    assert (model.dim, model.name) == (48, "simclr ViT 48 x 2, patch 8")
    assert "mean-2" in model.layers
    with pytest.raises(InputError, match=r"has no text tower.*set caption\.source to none"):
        model.encode_texts(TEXTS)


def test_images_are_prepared_as_the_project_does_unless_the_card_says_otherwise(tmp_path, state):
    unsaid = dict.fromkeys(("image_size", "mean", "std", "interpolation"))
    model = load_model(write_slip(tmp_path, state, **unsaid), CPU)
    assert model.settings == ImageSettings(**{key: SLIP_CARD[key] for key in unsaid})


def test_the_end_of_a_long_text_still_counts_as_read(folder):
    model = load_model(folder, CPU)
    tokens = model.tokenize(["word " * 60])
    assert tokens.shape == (1, 24)
    assert tokens[0, -1] == tokens.max()


def test_images_are_resized_cropped_and_standardised(folder):
    model = load_model(folder, CPU)
    grey = np.full((40, 90, 3), 128, dtype=np.uint8)
    prepared = model.preprocess([grey, grey[:7, :7]])
    assert prepared.shape == (2, 3, 32, 32)
    for channel, (mean, deviation) in enumerate(zip(SLIP_CARD["mean"], SLIP_CARD["std"], strict=True)):
        expected = torch.full((2, 32, 32), (128 / 255 - mean) / deviation)
        torch.testing.assert_close(prepared[:, channel], expected)


def test_an_image_of_the_right_size_is_only_standardised(folder):
    rgb = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    expected = (rgb / 255 - SLIP_CARD["mean"]) / SLIP_CARD["std"]
    prepared = load_model(folder, CPU).preprocess([rgb])[0].permute(1, 2, 0)
    np.testing.assert_allclose(prepared, expected, atol=1e-6)


def test_unknown_heads_must_be_stated(tmp_path, state):
    assert "vision_heads is missing; no published vision tower is 48 wide" in refusal(
        write_slip(tmp_path, state, vision_heads=None)
    )
    assert "vision_heads is 5, allowed: a divisor of the width 48" in refusal(
        write_slip(tmp_path, state, vision_heads=5)
    )


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"image_size": 64}, r"image_size is 64, allowed: 32, as .*slip\.pt shows"),
        ({"image_size": 36}, "image_size is 36, allowed: 32"),
        ({"context_length": 77}, "context_length is 77, allowed: 24"),
        ({"kind": "slipp"}, "model.kind is 'slipp'.*did you mean 'slip'"),
        ({"pretrained": "openai"}, "pretrained is for kind open_clip, not for slip; remove it"),
        ({"fit": "sqash"}, r"model\.fit is 'sqash'.*did you mean 'squash'"),
        ({"std": [0.2, 0.0, 0.2]}, r"model\.std\.1 is 0\.0"),
        ({"wieghts": "x"}, "unknown parameter model.wieghts .*did you mean 'weights'"),
        ({"weights": "gone.pt"}, r"gone\.pt: the weights are missing; put the checkpoint there"),
    ],
)
def test_a_wrong_card_is_one_line(tmp_path, state, card, message):
    import re

    assert re.search(message, refusal(write_slip(tmp_path, state, **card)))


def test_a_folder_without_card_says_what_belongs_there(tmp_path):
    assert "holds neither model.yaml nor features.npy; put the model's folder there" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"visual.blocks.1.mlp.fc2.weight": torch.zeros(48, 100)}, "has shape (48, 100), allowed: (48, 192)"),
        ({"visual.norm.bias": None}, "tensor visual.norm.bias is missing"),
        ({"visual.patch_embed.proj.weight": None}, "this is no SLIP, CLIP or SimCLR checkpoint"),
        ({"text_projection": None}, "tensor text.text_projection is missing"),
        ({"positional_embedding": torch.zeros(24)}, "has shape (24,), allowed: 2 axes"),
        ({"visual.extra": torch.zeros(1)}, "tensor visual.extra has no place"),
        ({"token_embedding.weight": torch.zeros(100, 32)}, "100 token embeddings do not fit CLIP's 49408 tokens"),
    ],
)
def test_tensors_that_do_not_fit_are_named(tmp_path, state, change, message):
    changed = {name: tensor for name, tensor in {**state, **change}.items() if tensor is not None}
    assert message in refusal(write_slip(tmp_path, changed))
