"""Heads by kind and modality, and the widths that must agree."""

import pytest
import torch
from torch import nn

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import validated
from pipeline_lib.encoders.adapter import Adapter
from pipeline_lib.encoders.head import ProjectionHead
from pipeline_lib.encoders.heads import bottleneck_width, build_head, shared_width
from pipeline_lib.encoders.params import EncoderParams

WIDTHS = {"brain": 1440, "image": 768, "text": 512}


@pytest.fixture
def encoder_params(params):
    """The shipped section `encoder` with heads, and other values, replaced."""

    def make(dim=256, adapter=None, **kinds):
        section = params["encoder"]
        section["dim"] = dim
        section["heads"].update(kinds)
        section["adapter"].update(adapter or {})
        return validated(params, "encoder", EncoderParams)

    return make


def test_all_heads_project_as_shipped(encoder_params):
    params = encoder_params()
    assert shared_width(params, WIDTHS) == 256
    for modality, width in WIDTHS.items():
        head = build_head(params, modality, width, 256)
        assert isinstance(head, ProjectionHead)
        assert head(torch.randn(3, width)).shape == (3, 256)


def test_each_projection_has_its_own_dropout(params):
    params["encoder"]["head_dropout"] = {"brain": 0.5, "image": 0.3, "text": 0.1}  # NICE's image projector has 0.3
    section = validated(params, "encoder", EncoderParams)
    assert [build_head(section, name, 8, 4).dropout.p for name in WIDTHS] == [0.5, 0.3, 0.1]


def test_linear_is_one_map(encoder_params):
    torch.manual_seed(0)
    head = build_head(encoder_params(image="linear"), "image", 512, 128)
    assert isinstance(head, nn.Linear)
    assert head.weight.std().item() == pytest.approx(0.02, rel=0.02)
    a, b = torch.randn(2, 3, 512)
    torch.testing.assert_close(head(a + b), head(a) + head(b), rtol=1e-4, atol=1e-5)


def test_identity_changes_nothing_and_learns_nothing(encoder_params):
    head = build_head(encoder_params(image="identity"), "image", 5, 5)
    features = torch.randn(3, 5)
    assert torch.equal(head(features), features)
    assert not list(head.parameters())


def test_adapters_by_modality(encoder_params):
    params = encoder_params(image="adapter", text="adapter")
    image, text = (build_head(params, name, 768, 768) for name in ("image", "text"))
    assert isinstance(image, Adapter)
    assert (image.down.out_features, text.down.out_features) == (96, 48)
    assert (image.down.bias, image.shift, image.beta) == (None, None, 1.0)
    assert (text.alpha, text.beta, text.shift.shape) == (0.2, 0.5, (768,))


def test_adapters_take_their_parameters(encoder_params):
    changes = {"alpha": 0.7, "beta": 0.1, "dropout": 0.4, "second_activation": True}
    head = build_head(encoder_params(text="adapter", adapter=changes), "text", 64, 64)
    assert (head.alpha, head.beta, head.dropout.p, head.second_activation) == (0.7, 0.1, 0.4, True)


@pytest.mark.parametrize(
    ("width", "modality", "dim", "expected"),
    [
        ("ratio", "image", 768, 96),
        ("ratio", "text", 768, 48),
        ("ratio", "text", 100, 6),
        ("ratio", "image", 8, 1),
        ("literal", "image", 768, 8),
        ("literal", "text", 4, 16),
    ],
)
def test_both_readings_of_the_bottleneck(encoder_params, width, modality, dim, expected):
    assert bottleneck_width(encoder_params(adapter={"width": width}).adapter, modality, dim) == expected


def test_a_bottleneck_without_width_is_refused(encoder_params):
    params = encoder_params(text="adapter").adapter
    with pytest.raises(InputError, match=r"encoder\.adapter\.r\.text is 16.*8 wide.*set it to 8 at most.*literal"):
        bottleneck_width(params, "text", 8)


@pytest.mark.parametrize("kind", ["identity", "adapter"])
def test_the_space_is_as_wide_as_what_is_not_projected(encoder_params, kind):
    assert shared_width(encoder_params(dim=None, image=kind), WIDTHS) == 768
    assert shared_width(encoder_params(dim=768, image=kind), WIDTHS) == 768
    assert shared_width(encoder_params(dim=None, image=kind, text=kind), {"brain": 9, "image": 768, "text": 768}) == 768


def test_text_has_no_say_without_captions(encoder_params):
    params = encoder_params(dim=None, image="identity", text="identity")
    assert shared_width(params, {"brain": 1440, "image": 768}) == 768


@pytest.mark.parametrize(
    ("dim", "kinds", "message"),
    [
        (
            256,
            {"image": "identity"},
            r"heads\.image is identity.*768 wide.*encoder\.dim is 256; set encoder\.dim: null",
        ),
        (None, {"image": "identity", "text": "adapter"}, r"heads\.text is adapter.*512 wide.*image.*768 wide; set"),
        (None, {"brain": "identity", "image": "identity"}, r"heads\.image.*768 wide.*brain.*1440 wide; set"),
        (None, {}, r"encoder\.dim is null.*give encoder\.dim a number"),
    ],
)
def test_widths_that_do_not_agree_are_named_with_the_cure(encoder_params, dim, kinds, message):
    with pytest.raises(InputError, match=message) as caught:
        shared_width(encoder_params(dim=dim, **kinds), WIDTHS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("section", "changes", "message"),
    [
        ("heads", {"image": "identiy"}, r"encoder\.heads\.image is 'identiy'.*did you mean 'identity'"),
        ("heads", {"brain": "adapter"}, r"encoder\.heads\.brain is 'adapter'"),
        ("heads", {"audio": "linear"}, r"unknown parameter encoder\.heads\.audio"),
        ("head_dropout", {"image": 1.0}, r"encoder\.head_dropout\.image is 1\.0"),
        ("adapter", {"alpha": 0.0}, r"encoder\.adapter\.alpha is 0\.0"),
        ("adapter", {"beta": 1.1}, r"encoder\.adapter\.beta is 1\.1"),
        ("adapter", {"width": "ratios"}, r"encoder\.adapter\.width is 'ratios'.*did you mean 'ratio'"),
        ("adapter", {"r": {"image": 0, "text": 16}}, r"encoder\.adapter\.r\.image is 0"),
    ],
)
def test_bad_values_are_named(params, section, changes, message):
    params["encoder"][section].update(changes)
    with pytest.raises(InputError, match=message):
        validated(params, "encoder", EncoderParams)
