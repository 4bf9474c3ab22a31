"""What the named objectives and the normalisation of a batch promise."""

import pytest
import torch

from pipeline_lib.common.errors import InputError
from pipeline_lib.objectives.guidance import semantic_guidance
from pipeline_lib.objectives.info_nce import info_nce
from pipeline_lib.objectives.normalize import Embeddings, embed
from pipeline_lib.objectives.terms import objective_terms

SCALE = torch.tensor(14.0, dtype=torch.float64)


@pytest.fixture
def batch(embeddings):
    return Embeddings(*embeddings(n_items=6, dim=4), SCALE)


def test_terms_are_the_papers_losses(batch, loss_params):
    brain, image, text, _ = batch
    terms = objective_terms(loss_params(), batch)
    assert list(terms) == ["brain-image", "image-text", "guidance"]
    assert terms["brain-image"].item() == info_nce(brain, image, SCALE).item()
    assert terms["image-text"].item() == info_nce(image, text, SCALE).item()
    expected = semantic_guidance(brain, image, text, SCALE, diagonal="softmax", reduction="mean", teacher_grad=False)
    assert terms["guidance"].item() == expected.item()


def test_guidance_takes_its_parameters(batch, loss_params):
    sga = {"diagonal": "one", "reduction": "sum", "teacher_grad": True}
    terms = objective_terms(loss_params(sga=sga, objectives=["guidance"]), batch)
    assert terms["guidance"].item() == semantic_guidance(*batch, **sga).item()


def test_only_the_named_objectives_in_their_order(batch, loss_params):
    assert list(objective_terms(loss_params(objectives=["guidance", "brain-image"]), batch)) == [
        "guidance",
        "brain-image",
    ]


def test_concepts_count_only_where_asked_for(batch, loss_params):
    concepts = torch.tensor([0, 0, 1, 1, 2, 2])
    pair = objective_terms(loss_params(positives="pair"), batch, concepts=concepts)
    concept = objective_terms(loss_params(positives="concept"), batch, concepts=concepts)
    assert pair["brain-image"].item() == info_nce(batch.brain, batch.image, SCALE).item()
    assert concept["brain-image"].item() == info_nce(batch.brain, batch.image, SCALE, concepts=concepts).item()
    assert concept["image-text"].item() == info_nce(batch.image, batch.text, SCALE, concepts=concepts).item()
    with pytest.raises(ValueError, match=r"loss\.positives is 'concept'"):
        objective_terms(loss_params(positives="concept"), batch)


@pytest.mark.parametrize("objective", ["image-text", "guidance"])
def test_an_objective_without_its_text_is_named_with_the_cure(batch, loss_params, objective):
    params = loss_params(objectives=["brain-image", objective])
    with pytest.raises(InputError, match=rf"loss\.objectives: {objective} needs text.*caption\.source"):
        objective_terms(params, batch._replace(text=None))


def test_brain_image_does_without_text(batch, loss_params):
    assert objective_terms(loss_params(objectives=["brain-image"]), batch._replace(text=None))


@pytest.mark.parametrize(
    ("mode", "unit"), [("both", (True, True, True)), ("image", (False, True, True)), ("none", (False, False, False))]
)
def test_unit_length_where_the_mode_says_so(mode, unit):
    given = tuple(torch.tensor([[3.0, 4.0], [0.0, 2.0]]) for _ in range(3))
    for is_unit, before, after in zip(unit, given, embed(*given, SCALE, mode=mode), strict=False):
        expected = torch.tensor([[0.6, 0.8], [0.0, 1.0]]) if is_unit else before
        torch.testing.assert_close(after, expected)


def test_text_may_be_absent():
    ones = torch.ones(2, 2)
    assert embed(ones, ones, None, SCALE, mode="both").text is None
    assert embed(ones, ones, None, SCALE, mode="image").text is None


def test_an_embedding_of_zeros_stays_finite():
    zeros = torch.zeros(2, 3, requires_grad=True)
    result = embed(zeros, zeros, zeros, SCALE, mode="both")
    result.brain.sum().backward()
    assert result.brain.isfinite().all()
    assert zeros.grad.isfinite().all()
