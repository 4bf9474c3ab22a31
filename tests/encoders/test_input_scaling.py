"""Scaled inputs have mean square one, and the axes are the principal ones."""

import pytest
import torch
from sklearn.decomposition import PCA

from pipeline_lib.encoders.input_scaling import InputScaling


@pytest.fixture
def vectors():
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(6, 6, generator=generator) * torch.tensor([5.0, 3, 2, 1, 0.5, 0.1])
    return torch.randn(200, 6, generator=generator) @ mixing.T + 10


@pytest.mark.parametrize("n_components", [None, 6, 3])
def test_mean_zero_and_mean_square_one(vectors, n_components):
    scaling = InputScaling(6, n_components)
    scaling.fit(vectors)
    scaled = scaling(vectors)
    assert scaled.shape == (200, scaling.width)
    assert scaled.mean(0).abs().max() < 1e-5
    assert scaled.square().mean().item() == pytest.approx(1, rel=1e-5)


def test_without_axes_dimensions_keep_their_proportions(vectors):
    scaling = InputScaling(6)
    scaling.fit(vectors)
    ratio = scaling(vectors).std(0) / vectors.std(0)
    torch.testing.assert_close(ratio, ratio[:1].expand(6))


def test_axes_are_those_of_scikit_learn_but_for_the_sign(vectors):
    scaling = InputScaling(6, 3)
    scaling.fit(vectors)
    expected = torch.from_numpy(PCA(3).fit_transform(vectors.double().numpy()))
    found = scaling(vectors).double() * scaling.scale
    torch.testing.assert_close(found.abs(), expected.abs(), rtol=1e-4, atol=1e-3)


def test_the_sign_of_an_axis_is_fixed(vectors):
    scaling = InputScaling(6, 6)
    scaling.fit(vectors)
    assert (scaling.axes.gather(1, scaling.axes.abs().argmax(1, keepdim=True)) > 0).all()


def test_more_components_than_dimensions_are_all_dimensions():
    assert InputScaling(6, 100).width == 6


def test_fewer_vectors_than_components_and_constant_vectors_stay_finite(vectors):
    for few in (vectors[:3], vectors[:1].repeat(5, 1)):
        for scaling in (InputScaling(6), InputScaling(6, 5)):
            scaling.fit(few)
            assert scaling(few).isfinite().all()


def test_what_is_fitted_is_saved(vectors):
    scaling, other = InputScaling(6, 3), InputScaling(6, 3)
    scaling.fit(vectors)
    other.load_state_dict(scaling.state_dict())
    assert torch.equal(other(vectors), scaling(vectors))
    assert set(scaling.state_dict()) == {"mean", "axes", "scale"}
    assert set(InputScaling(6).state_dict()) == {"mean", "scale"}
