"""Layers of image towers: by name, from one forward pass, and the model's own."""

import pytest
import torch
from open_clip.model import CLIP, CustomTextCLIP
from torch import nn

from pipeline_lib.common.errors import InputError
from pipeline_lib.features.layers import Blocks, blocks_of
from pipeline_lib.features.load import load_model
from tests.features.tiny_models import (
    OPEN_CLIP_CONFIG,
    plain_image_features,
    plain_tokens,
    slip_state,
    write_open_clip,
    write_slip,
)

CPU = torch.device("cpu")
STATE = slip_state(layers=3)
TIMM_SIZE = 160


def clip_config(**vision):
    size = vision.get("image_size", 32)
    return {**OPEN_CLIP_CONFIG, "vision_cfg": {"image_size": size, **vision}}


def timm_config(name):
    return clip_config(timm_model_name=name, timm_pool="", timm_proj="linear", image_size=TIMM_SIZE)


CONFIGS = {
    "open_clip": OPEN_CLIP_CONFIG,
    "timm": timm_config("test_vit"),
    "resnet": clip_config(layers=[1, 2, 1, 1], width=8, head_width=64, image_size=64),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """One model of each kind, with random weights."""
    torch.manual_seed(0)
    loaded = {"slip": load_model(write_slip(tmp_path_factory.mktemp("slip"), STATE), CPU)}
    for kind, config in CONFIGS.items():
        network = (CustomTextCLIP if kind == "timm" else CLIP)(**config)
        for norm in network.modules():
            if isinstance(norm, nn.BatchNorm2d):  # else untrained residual blocks do nothing, and signals fade away
                nn.init.uniform_(norm.weight, 0.5, 1.5)
                norm.running_var.fill_(0.15)
        written = {**config, "custom_text": True} if kind == "timm" else config
        folder = write_open_clip(
            tmp_path_factory.mktemp(kind), network, written, image_size=config["vision_cfg"]["image_size"]
        )
        loaded[kind] = load_model(folder, CPU)
    return loaded


@pytest.fixture
def pixels(models):
    """Random pixels of the size that a model wants."""

    def make(kind, n_images=5):
        size = models[kind].settings.image_size
        return torch.randn(n_images, 3, size, size, generator=torch.Generator().manual_seed(1))

    return make


KINDS = ("slip", *CONFIGS)


@pytest.mark.parametrize(("kind", "n_blocks"), [("slip", 3), ("open_clip", 2), ("timm", 6), ("resnet", 4)])
def test_names_of_all_layers(models, kind, n_blocks):
    kinds = ("mean",) if kind == "resnet" else ("class", "mean", "both")
    numbered = [f"{name}-{n}" for name in kinds for n in range(1, n_blocks + 1)]
    assert models[kind].layers == ("final", *numbered)


@pytest.mark.parametrize("kind", KINDS)
def test_final_is_what_the_model_gives_bit_for_bit(models, pixels, kind):
    model, images = models[kind], pixels(kind)
    with torch.inference_mode():
        own = model.network.encode_image(images)
    assert torch.equal(model.encode_layers(images, model.layers)["final"], own)
    assert torch.equal(model.encode_layers(images, ["final"])["final"], own)
    assert torch.equal(model.encode_images(images), own)


@pytest.mark.parametrize("kind", ["slip", "open_clip", "timm"])
def test_the_last_class_token_normalised_and_projected_is_final(models, pixels, kind):
    model = models[kind]
    visual = model.network.visual
    taken = model.encode_layers(pixels(kind), [f"class-{len(model.blocks.modules)}", "class-1.0", "final"])
    last, final = taken["class-1.0"], taken["final"]
    assert torch.equal(last, taken[f"class-{len(model.blocks.modules)}"])
    with torch.inference_mode():
        again = {
            "slip": lambda: visual.norm(last) @ model.network.image_projection,
            "open_clip": lambda: visual.ln_post(last) @ visual.proj,
            "timm": lambda: visual.head(visual.trunk.norm(last)),
        }[kind]()
    assert final.std() > 1e-2
    torch.testing.assert_close(again, final, atol=1e-5, rtol=0)


def test_slip_layers_are_those_of_the_published_forward_pass(models, pixels):
    images = pixels("slip")
    taken = models["slip"].encode_layers(images, models["slip"].layers)
    for block in (1, 2, 3):
        tokens = plain_tokens(STATE, images, heads=4, n_blocks=block)
        expected = {"class": tokens[:, 0], "mean": tokens[:, 1:].mean(dim=1)}
        expected["both"] = torch.cat([expected["class"], expected["mean"]], dim=1)
        for kind, features in expected.items():
            torch.testing.assert_close(taken[f"{kind}-{block}"].double(), features, atol=1e-5, rtol=0)
    torch.testing.assert_close(taken["final"].double(), plain_image_features(STATE, images, heads=4), atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["open_clip", "timm"])
def test_open_clip_layers_are_its_own_intermediates(models, pixels, kind):
    model, images = models[kind], pixels(kind)
    with torch.inference_mode():
        own = model.network.visual.forward_intermediates(images, output_fmt="NLC", output_extra_tokens=True)
    taken = model.encode_layers(images, model.layers)
    assert len(own["image_intermediates"]) == len(model.blocks.modules)
    both = zip(own["image_intermediates"], own["image_intermediates_prefix"], strict=True)
    for number, (patches, prefix) in enumerate(both, 1):
        torch.testing.assert_close(taken[f"class-{number}"], prefix[:, 0], atol=1e-5, rtol=0)
        torch.testing.assert_close(taken[f"mean-{number}"], patches.mean(dim=1), atol=1e-5, rtol=0)


def test_stages_of_a_residual_network_are_means_over_places(models, pixels):
    model, images = models["resnet"], pixels("resnet")
    with torch.inference_mode():
        own = model.network.visual.forward_intermediates(images)["image_intermediates"]
    taken = model.encode_layers(images, model.layers)
    for number in (1, 2, 3, 4):  # the first of its own is the stem
        torch.testing.assert_close(taken[f"mean-{number}"], own[number].mean(dim=(2, 3)), atol=1e-5, rtol=0)
        assert taken[f"mean-{number}"].shape == (5, 32 * 2 ** (number - 1))


@pytest.mark.parametrize("kind", KINDS)
def test_batch_and_order_do_not_matter(models, pixels, kind):
    model, images = models[kind], pixels(kind)
    whole, order = model.encode_layers(images, model.layers), [3, 0, 4, 2, 1]
    shuffled = model.encode_layers(images[order], model.layers)
    single = [model.encode_layers(image[None], model.layers) for image in images]
    for layer, features in whole.items():
        assert features.std(dim=0).mean() > 1e-3
        torch.testing.assert_close(shuffled[layer], features[order], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(torch.cat([one[layer] for one in single]), features, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_all_layers_come_from_one_pass(models, pixels, kind):
    model, passes = models[kind], []
    hooks = [block.register_forward_hook(lambda *_: passes.append(1)) for block in model.blocks.modules]
    model.encode_layers(pixels(kind), model.layers)
    for hook in hooks:
        hook.remove()
    assert len(passes) == len(model.blocks.modules)


def test_they_come_in_the_order_asked_for_and_under_the_names_asked_for(models, pixels):
    names = ["mean-0.34", "final", "mean-1", "both-1.0"]
    taken = models["slip"].encode_layers(pixels("slip"), names)
    assert list(taken) == names
    assert torch.equal(taken["mean-0.34"], taken["mean-1"])
    assert taken["both-1.0"].shape == (5, 96)


def test_no_block_keeps_its_tokens(models, pixels):
    taken = models["slip"].encode_layers(pixels("slip"), models["slip"].layers)
    assert all(features.untyped_storage().nbytes() == 4 * features.numel() for features in taken.values())


def test_nothing_is_left_on_the_network(models, pixels):
    model = models["slip"]
    model.encode_layers(pixels("slip"), model.layers)
    with pytest.raises((ValueError, RuntimeError, AssertionError)):
        model.encode_layers(torch.zeros(1, 3, 7, 7), model.layers)
    assert not any(block._forward_hooks for block in model.blocks.modules)


@pytest.mark.parametrize(
    ("layer", "number"),
    [
        ("mean-0.75", 9),
        ("class-1.0", 12),
        ("class-12", 12),
        ("both-1", 1),
        ("mean-0.5", 6),
        ("mean-0.01", 1),
        ("mean-0.375", 5),  # 4.5: of two equally near the later
        ("mean-0.37", 4),
    ],
)
def test_which_block_a_name_means(layer, number):
    blocks = Blocks([nn.Identity()] * 12, dict.fromkeys(("class", "mean", "both"), torch.clone))
    blocks.check([layer])
    assert blocks.number(layer) == number


@pytest.mark.parametrize(
    "layer",
    ["mean-13", "mean-0", "class-0.0", "mean-1.1", "mean--1", "mean-.5", "max-3", "mean", "mean-3 ", "block-3", ""],
)
def test_a_layer_that_is_not_there_names_those_that_are(layer):
    blocks = Blocks([nn.Identity()] * 12, dict.fromkeys(("class", "mean", "both"), torch.clone))
    allowed = "final, class-1..class-12, mean-1..mean-12, both-1..both-12, or a fraction of the depth such as mean-0.75"
    with pytest.raises(InputError) as caught:
        blocks.check(["final", "mean-3", layer])
    assert str(caught.value) == f"features.layers is {layer!r}, allowed: {allowed}"


def test_a_residual_network_has_no_class_token(models, pixels):
    with pytest.raises(InputError, match=r"'class-1', allowed: final, mean-1\.\.mean-4, or a fraction"):
        models["resnet"].encode_layers(pixels("resnet"), ["class-1"])


def tower(name):
    from open_clip.timm_model import TimmModel

    network = nn.Module()
    network.visual = TimmModel(name, embed_dim=8, image_size=TIMM_SIZE, pool="avg").eval()
    return network


def test_a_register_is_neither_class_token_nor_patch():
    network = tower("test_vit2")
    blocks = blocks_of(network)
    assert blocks.names == ("final", *(f"mean-{n}" for n in range(1, 9)))
    images = torch.randn(2, 3, TIMM_SIZE, TIMM_SIZE, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode(), blocks.tapped(["mean-8"]) as taken:
        network.visual(images)
        own = network.visual.trunk.forward_intermediates(images, intermediates_only=True, output_fmt="NLC", norm=False)
    torch.testing.assert_close(taken["mean-8"], own[-1].mean(dim=1), atol=1e-5, rtol=0)


def test_a_tower_of_another_kind_gives_its_final_features_only():
    blocks = blocks_of(tower("test_convnext"))
    assert blocks.names == ("final",)
    with pytest.raises(InputError, match=r"features\.layers is 'mean-0\.5', allowed: final$"):
        blocks.check(["mean-0.5"])
    assert blocks_of(nn.Linear(2, 2)).names == ("final",)


def test_layers_of_a_tower_as_large_as_vit_h():
    vision = {"image_size": 224, "layers": 32, "width": 1280, "head_width": 80, "patch_size": 14}
    with torch.device("meta"):
        network = CLIP(**{**OPEN_CLIP_CONFIG, "embed_dim": 1024, "vision_cfg": vision}).eval()
    blocks = blocks_of(network)
    assert blocks.number("mean-0.75") == 24
    with torch.inference_mode(), blocks.tapped(["both-0.75"]) as taken:
        network.encode_image(torch.zeros(2, 3, 224, 224, device="meta"))
    assert taken["both-0.75"].shape == (2, 2560)
