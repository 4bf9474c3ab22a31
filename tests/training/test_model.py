"""The model: which heads it has, what belongs to which branch, and that today's state dicts fit."""

import pytest
import torch
from torch import nn

from pipeline_lib.common.errors import InputError
from pipeline_lib.encoders.flat import FlatEncoder
from pipeline_lib.encoders.head import ProjectionHead
from pipeline_lib.encoders.params import EncoderParams
from pipeline_lib.objectives.params import LossParams
from pipeline_lib.training.model import AlignmentModel, FeatureScaling, Shapes

SHAPES = Shapes(n_channels=5, n_times=4, image_dim=24, text_dim=24)
HEAD = ["linear.weight", "linear.bias", "residual.weight", "residual.bias", "norm.weight", "norm.bias"]


@pytest.fixture
def make_model(params):
    """A small flat model, in evaluation mode; keyword arguments are kinds of heads."""

    def make(shapes=SHAPES, dim=16, scale="unit", **kinds):
        section = params["encoder"] | {"name": "flat", "dim": dim, "heads": params["encoder"]["heads"] | kinds}
        encoder, loss = EncoderParams.model_validate(section), LossParams.model_validate(params["loss"])
        torch.manual_seed(0)
        return AlignmentModel(encoder, loss, shapes, scale).eval()

    return make


def names_of(model, parameters):
    by_id = {id(parameter): name for name, parameter in model.named_parameters()}
    return {by_id[id(parameter)] for parameter in parameters}


def test_state_dict_of_the_shipped_heads(make_model):
    expected = [f"brain_head.{name}" for name in HEAD]
    for branch in ("image_branch", "text_branch"):
        expected += [f"{branch}.scaling.mean", f"{branch}.scaling.deviation", *(f"{branch}.head.{n}" for n in HEAD)]
    assert list(make_model().state_dict()) == [*expected, "logit_scale.raw"]


def test_starting_values_are_drawn_brain_then_image_then_text(make_model):
    model = make_model()
    torch.manual_seed(0)
    for head, width in ((model.brain_head, 20), (model.image_branch.head, 24), (model.text_branch.head, 24)):
        expected = ProjectionHead(width, 16, 0.2).state_dict()
        assert all(torch.equal(value, expected[name]) for name, value in head.state_dict().items())


def test_embeddings_have_the_shared_width(make_model):
    model = make_model()
    assert model.embed_brain(model.encoder.prepare(torch.randn(3, 5, 4))).shape == (3, 16)
    assert model.embed_image(torch.randn(7, 24)).shape == (7, 16)
    assert model.embed_text(torch.randn(7, 24)).shape == (7, 16)


def test_unprojected_images_stay_what_they_are_and_give_the_width(make_model):
    model = make_model(dim=None, scale="none", image="identity")
    features = torch.randn(7, 24)
    assert torch.equal(model.embed_image(features), features)
    assert model.dim == 24
    assert model.embed_brain(model.encoder.prepare(torch.randn(3, 5, 4))).shape == (3, 24)
    assert model.embed_text(features).shape == (7, 24)


def test_heads_of_differing_widths_are_refused(make_model):
    with pytest.raises(InputError, match=r"image is identity.*24 wide, but encoder\.dim is 16; set encoder\.dim: null"):
        make_model(image="identity")


def test_hmavds_heads_by_the_definition(make_model):
    model = make_model(dim=None, image="adapter", text="adapter").double()
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    features = torch.randn(6, 24, dtype=torch.float64)
    unit, head = features / features.norm(dim=1, keepdim=True), model.text_branch.head
    adapted = unit + 0.2 * torch.relu(unit @ head.down.weight.T + head.down.bias) @ head.up.weight.T + head.shift
    before, behind = model.adapted_text(features)
    torch.testing.assert_close(before, unit)
    torch.testing.assert_close(behind, adapted)
    torch.testing.assert_close(model.embed_text(features), 0.5 * adapted + 0.5 * unit)


def test_branches_hold_every_trained_parameter_once(make_model):
    shapes = Shapes(5, 4, 24, 24, n_subjects=2, n_layers=3)
    for model in (make_model(), make_model(dim=None, image="adapter", text="adapter"), make_model(shapes)):
        branches = model.branches()
        assert list(branches) == ["brain", "image", "text", "shared"]
        held = [parameter for branch in branches.values() for parameter in branch]
        assert len(held) == len({id(parameter) for parameter in held})
        assert names_of(model, held) == {name for name, p in model.named_parameters() if p.requires_grad}


def test_adapters_belong_to_their_modality_and_to_the_heads(make_model):
    model = make_model(dim=None, image="adapter", text="adapter")
    image = {"image_branch.head.down.weight", "image_branch.head.up.weight"}
    text = {f"text_branch.head.{name}" for name in ("down.weight", "down.bias", "up.weight", "shift")}
    brain = {f"brain_head.{name}" for name in HEAD}
    assert names_of(model, model.branches()["image"]) == image
    assert names_of(model, model.branches()["text"]) == text
    assert names_of(model, model.heads()) == brain | image | text


def test_a_branch_without_parameters_is_left_out(make_model):
    model = make_model(dim=None, image="identity", text="identity")
    assert list(model.branches()) == ["brain", "shared"]
    assert names_of(model, model.heads()) == {f"brain_head.{name}" for name in HEAD}


def test_layers_are_mixed_as_the_subject_wants_them(make_model):
    model = make_model(Shapes(5, 4, 24, None, n_subjects=2, n_layers=3), dim=None, image="identity")
    with torch.no_grad():
        model.image_branch.mixture.scores.copy_(torch.tensor([[50.0, 0.0, 0.0], [0.0, 0.0, 50.0]]))
    features = nn.functional.normalize(torch.randn(4, 3, 24), dim=2)
    torch.testing.assert_close(
        model.embed_image(features, torch.tensor([0, 1, 1, 0])), features[range(4), [0, 2, 2, 0]]
    )
    torch.testing.assert_close(model.embed_image(features), (features[:, 0] + features[:, 2]) / 2)
    assert "image_branch.mixture.scores" in names_of(model, model.branches()["image"])


def test_one_layer_needs_no_subject(make_model):
    model, features = make_model(), torch.randn(4, 24)
    assert torch.equal(model.embed_image(features, torch.zeros(4, dtype=torch.int64)), model.embed_image(features))


def test_the_subject_reaches_the_encoder(make_model, monkeypatch):
    seen = []
    forward = FlatEncoder.forward
    monkeypatch.setattr(FlatEncoder, "forward", lambda self, x, subject=None: seen.append(subject) or forward(self, x))
    model, subject = make_model(), torch.tensor([0, 1])
    model.embed_brain(torch.randn(2, 20), subject)
    model.embed_brain(torch.randn(2, 20))
    assert seen[0] is subject
    assert seen[1] is None


@pytest.mark.parametrize("kind", ["projection", "linear", "identity", "adapter"])
@pytest.mark.parametrize("autocast", [False, True])
def test_embeddings_are_float32_whatever_the_data_and_the_products(make_model, kind, autocast):
    brain = "projection" if kind == "adapter" else kind
    shapes = Shapes(6, 4, 24, 24, n_subjects=1, n_layers=2)
    model = make_model(shapes, dim=24, brain=brain, image=kind, text=kind)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        embeddings = (
            model.embed_brain(torch.randn(3, 24, dtype=torch.bfloat16)),
            model.embed_image(torch.randn(3, 2, 24, dtype=torch.bfloat16)),
            model.embed_text(torch.randn(3, 24, dtype=torch.bfloat16)),
        )
    assert all(embedding.dtype == torch.float32 for embedding in embeddings)


def test_without_captions_there_is_no_text(make_model):
    model = make_model(Shapes(5, 4, 24, None), text="adapter")
    assert list(model.branches()) == ["brain", "image", "shared"]
    assert model.adapted_text(None) is None
    assert model.adapted_text(torch.randn(2, 24)) is None
    with pytest.raises(ValueError, match="no text branch"):
        model.embed_text(torch.randn(2, 24))


def test_nothing_is_adapted_without_an_adapter(make_model):
    assert make_model().adapted_text(torch.randn(2, 24)) is None


def test_scaling_by_kind():
    features = torch.tensor([[3.0, 4.0], [1.0, 0.0], [2.0, 8.0]])
    for kind, expected in (
        ("none", features),
        ("unit", features / torch.tensor([[5.0], [1.0], [68**0.5]])),
        ("zscore", (features - torch.tensor([2.0, 4.0])) / torch.tensor([(2 / 3) ** 0.5, (32 / 3) ** 0.5])),
    ):
        scaling = FeatureScaling(kind, 2)
        scaling.fit(features)
        torch.testing.assert_close(scaling(features), expected)


@pytest.mark.parametrize("kind", ["none", "unit", "zscore"])
def test_each_layer_is_scaled_by_itself(kind):
    features = torch.randn(9, 3, 4) * torch.tensor([1.0, 10.0, 100.0])[:, None] + 5
    together = FeatureScaling(kind, 3, 4)
    together.fit(features)
    for layer in range(3):
        alone = FeatureScaling(kind, 4)
        alone.fit(features[:, layer])
        torch.testing.assert_close(together(features)[:, layer], alone(features[:, layer]))
