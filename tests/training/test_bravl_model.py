"""BraVL's model: what it encodes, what it takes from training samples, and what it embeds."""

from dataclasses import replace

import pytest
import torch

from pipeline_lib.training.base import Shapes
from pipeline_lib.training.bravl_model import BravlModel
from pipeline_lib.training.bravl_params import BravlParams
from pipeline_lib.training.data import TrainingData
from pipeline_lib.training.targets import FeatureTable
from tests.training.bravl_study import made_bravl

SHAPES = Shapes(n_channels=3, n_times=4, image_dim=9, text_dim=5)


@pytest.fixture
def model(params):
    torch.manual_seed(0)
    return BravlModel(BravlParams.model_validate(made_bravl(params)["bravl"]), SHAPES, "none")


@pytest.fixture
def data():
    """Twenty samples of ten of twelve images."""
    torch.manual_seed(1)
    features = FeatureTable(5 + 3 * torch.randn(12, 9), 2 * torch.randn(12, 5))
    item = torch.arange(20) // 2
    return TrainingData(
        7 * torch.randn(20, 12) + 1, item, torch.arange(12), features, torch.zeros(20, dtype=torch.long)
    )


def test_inputs_have_mean_zero_and_mean_square_one(model, data):
    model.fit(data)
    shown = data.item.unique()
    inputs = model.inputs(data.brain, data.features.image[shown], data.features.text[shown])
    assert {name: values.shape[1] for name, values in inputs.items()} == {"brain": 12, "image": 6, "text": 5}
    for values in inputs.values():
        assert values.mean(0).abs().max() < 1e-5
        assert values.square().mean().item() == pytest.approx(1, rel=1e-4)


def test_images_without_a_training_sample_do_not_matter(params, model, data):
    model.fit(data)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    data.features.image[10:] += 100
    data.features.text[10:] += 100
    model.fit(data)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_beta_grows_from_zero_to_one(model):
    found = []
    for epoch in (1, 2, 11, 21, 22, 400):
        model.begin_epoch(epoch)
        found.append(model.beta)
    assert found == pytest.approx([0, 0.05, 0.5, 1, 1, 1])


def test_embeddings_are_posteriors_given_one_modality(model, data):
    model.fit(data)
    inputs = model.inputs(data.brain[:10], data.features.image[:10], data.features.text[:10])
    embedded = {
        "brain": model.embed_brain(model.encoder.prepare(data.brain[:10].view(10, 3, 4))),
        "image": model.embed_image(data.features.image[:10]),
        "text": model.embed_text(data.features.text[:10]),
    }
    for name, expected in model.posteriors(inputs).items():
        mean, log_variance = embedded[name].chunk(2, dim=1)
        torch.testing.assert_close(mean, expected.mean)
        torch.testing.assert_close(log_variance, expected.log_variance)


def test_each_parameter_is_in_one_branch(model):
    branches = model.branches()
    assert list(branches) == ["brain", "image", "text"]
    parameters = [p for branch in branches.values() for p in branch]
    assert len(parameters) == len(set(parameters)) == len(list(model.parameters()))
    assert set(model.heads()) < set(parameters)


def test_what_is_compiled_holds_all_but_the_latent_maps(model):
    compiled = {p for part in model.parts() for p in part.parameters()}
    assert set(model.parameters()) - compiled == set(model.heads())


def test_without_captions_there_are_two_autoencoders(params):
    bravl = BravlParams.model_validate(made_bravl(params, image_components=None)["bravl"])
    model = BravlModel(bravl, replace(SHAPES, text_dim=None), "unit")
    assert not model.has_text
    assert list(model.decode(torch.zeros(2, 8))) == ["brain", "image"]
    assert model.decode(torch.zeros(2, 8))["image"].shape == (2, 9)
    with pytest.raises(ValueError, match="without captions"):
        model.embed_text(torch.zeros(2, 5))
