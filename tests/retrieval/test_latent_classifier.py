"""BraVL's galleries by hand, and a classifier that finds what it should and nothing else."""

import numpy as np
import pytest
import torch

from pipeline_lib.common.errors import InputError
from pipeline_lib.encoders.gaussians import Gaussian, product
from pipeline_lib.retrieval.galleries import Targets
from pipeline_lib.retrieval.latent_classifier import LatentClassifier, draw_latents, gallery_posteriors
from pipeline_lib.retrieval.metrics import retrieval_metrics
from pipeline_lib.training.bravl_params import ClassifierParams

DIM = 8


def embedded(mean, log_variance=-4.0):
    """Posteriors as the model embeds them."""
    mean = np.asarray(mean, dtype=np.float32)
    return np.concatenate([mean, np.full_like(mean, log_variance)], axis=1)


def classifier(seed=0, **changes):
    return LatentClassifier(ClassifierParams(**{"samples": 5, "c": 1.0, "gamma": 0.001} | changes), seed)


@pytest.fixture
def means():
    return np.random.default_rng(0).normal(size=(40, DIM))


@pytest.fixture
def targets(means):
    concepts = [f"c{i}" for i in range(40)]
    offered = [*concepts[::-1], "another", *concepts]
    center = np.concatenate([means[::-1] + 0.1, means[:1], means - 0.1])
    return Targets(embedded(means), concepts, embedded(means + 0.05), embedded(center), offered)


def found(similarity, relevant):
    return retrieval_metrics(similarity, relevant).values


@pytest.mark.parametrize("gallery", ["image", "text", "image+text", "class-center"])
def test_every_response_near_its_item_is_found(means, targets, gallery):
    similarity, relevant = classifier().match(embedded(means), targets, gallery)
    assert similarity.shape == (40, 40)
    assert found(similarity, relevant)["top1"] > 0.9


@pytest.mark.parametrize("gallery", ["image", "image+text", "class-center"])
def test_responses_that_tell_nothing_find_nothing(means, targets, gallery):
    noise = np.random.default_rng(1).normal(size=means.shape)
    for queries in (noise, np.zeros_like(means)):
        similarity, relevant = classifier().match(embedded(queries), targets, gallery)
        assert found(similarity, relevant)["top1"] <= 0.1  # chance 0.025


def test_items_that_are_all_alike_are_found_by_chance(means):
    targets = Targets(embedded(np.zeros_like(means), 0.0), [f"c{i}" for i in range(40)])
    assert found(*classifier().match(embedded(means), targets, "image"))["top1"] <= 0.1


def test_one_example_per_item_ranks_by_distance(means):
    queries = means + np.random.default_rng(2).normal(size=means.shape)
    similarity = classifier(samples=1).decisions(means, np.arange(40), queries)
    distances = ((queries[:, None] - means[None]) ** 2).sum(-1)
    assert (similarity.argmax(1) == distances.argmin(1)).all()


def test_the_same_seed_gives_the_same_similarities_whatever_ran_before(means, targets):
    first = classifier().match(embedded(means), targets, "image")[0]
    torch.rand(3)
    np.random.rand(3)
    assert (classifier().match(embedded(means), targets, "image")[0] == first).all()
    assert (classifier(seed=1).match(embedded(means), targets, "image")[0] != first).any()


def test_a_query_is_judged_by_itself(means, targets):
    whole = classifier().match(embedded(means), targets, "image")[0]
    part = classifier().match(embedded(means[7:9]), targets, "image")[0]
    assert (whole[7:9] == part).all()


@pytest.mark.parametrize("n_items", [1, 2, 3])
def test_small_galleries(means, n_items):
    targets = Targets(embedded(means[:n_items]), [f"c{i}" for i in range(n_items)])
    similarity, relevant = classifier().match(embedded(means[:n_items]), targets, "image")
    assert similarity.shape == relevant.shape == (n_items, n_items)
    assert (similarity.argmax(1) == np.arange(n_items)).all()


def test_both_are_image_text_and_their_product(means):
    targets = Targets(embedded(means[:3], -1.0), ["a", "b", "c"], embedded(means[3:6], 0.5))
    posteriors, items, relevant = gallery_posteriors(targets, "image+text")
    image, text = (Gaussian(*torch.from_numpy(part).chunk(2, dim=1)) for part in (targets.image, targets.text))
    for k, expected in enumerate((image, text, product([image, text]))):
        torch.testing.assert_close(posteriors.mean[k], expected.mean)
        torch.testing.assert_close(posteriors.log_variance[k], expected.log_variance)
    assert items.tolist() == [0, 1, 2]
    assert relevant.tolist() == np.eye(3, dtype=bool).tolist()


def test_class_centers_are_the_other_images_of_each_concept(means):
    targets = Targets(
        embedded(means[:3]), ["star", "ring", "star"], center=embedded(means[:4]),
        center_concepts=["ring", "star", "moon", "ring"],
    )  # fmt: skip
    posteriors, items, relevant = gallery_posteriors(targets, "class-center")
    assert items.tolist() == [1, 0, 1]
    torch.testing.assert_close(posteriors.mean[0], torch.from_numpy(means[[0, 1, 3]]).float())
    assert relevant.tolist() == [[True, False], [False, True], [True, False]]


def test_latents_are_of_the_mixture():
    posteriors = Gaussian(torch.tensor([[[-3.0], [0.0]], [[5.0], [1.0]]]), torch.full((2, 2, 1), -8.0))
    latents = draw_latents(posteriors, 4000, torch.Generator().manual_seed(0))
    assert latents.shape == (2, 4000, 1)
    for row, (low, high) in enumerate(((-3, 5), (0, 1))):
        near_low = (latents[row] - low).abs() < 0.2
        near_high = (latents[row] - high).abs() < 0.2
        assert (near_low | near_high).all()
        assert near_low.float().mean().item() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("gallery", ["text", "image+text"])
def test_galleries_of_text_need_captions(means, gallery):
    with pytest.raises(InputError, match=r"needs captions, and there are none; set caption.source"):
        classifier().match(embedded(means), Targets(embedded(means), ["a"] * 40), gallery)


def test_class_centers_need_other_images(means):
    with pytest.raises(InputError, match="needs other images of each test concept"):
        classifier().match(embedded(means), Targets(embedded(means), ["a"] * 40), "class-center")
