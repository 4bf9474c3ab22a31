"""What the named objectives and the normalisation of a batch promise."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from pipeline_lib.common.errors import InputError
from pipeline_lib.objectives.consistency import consistency
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


def test_terms_of_hmavd(batch, loss_params):
    brain, image, text, _ = batch
    params = loss_params(objectives=["consistency", "brain-text"], adapter={"consistency_weight": 3.0})
    terms = objective_terms(params, batch)
    assert list(terms) == ["consistency", "brain-text"]
    assert terms["brain-text"].item() == info_nce(brain, text, SCALE).item()
    assert terms["consistency"].item() == consistency(image, text).item()


def test_hmavds_loss_is_a_static_weighting(batch, loss_params):
    """Equation 2: a fifth of four cross-entropies and L_cos, all of unit vectors."""
    brain, image, text, _ = batch
    pairs = [(brain, image), (image, brain), (brain, text), (text, brain)]
    expected = sum(cross_entropy(SCALE * a @ b.T, torch.arange(6)) for a, b in pairs)
    expected = (expected + 1 - (image * text).sum(1).mean()) / 5
    weights = [0.4, 0.4, 0.2]
    params = loss_params(objectives=["brain-image", "brain-text", "consistency"], static={"weights": weights})
    terms = objective_terms(params, batch)
    total = sum(w * terms[name] for w, name in zip(params.static.weights, params.objectives, strict=True))
    assert total.item() == pytest.approx(expected.item(), rel=1e-12)


def test_adapter_consistency_compares_before_with_behind(batch, loss_params):
    # Directions 0, 90 and 180 degrees apart: 1 - (1 + 0 - 1) / 3, times the weight.
    before = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    behind = torch.tensor([[7.0, 0.0], [0.0, 7.0], [-7.0, 0.0]])
    params = loss_params(objectives=["adapter-consistency"], adapter={"consistency_weight": 0.5})
    assert objective_terms(params, batch, adapted=(before, behind))["adapter-consistency"].item() == pytest.approx(0.5)


def test_adapter_consistency_without_an_adapter_is_named_with_the_cure(batch, loss_params):
    with pytest.raises(InputError, match=r"loss\.objectives: adapter-consistency.*set encoder\.heads\.text: adapter"):
        objective_terms(loss_params(objectives=["adapter-consistency"]), batch)


def test_without_target_grad_the_brain_alone_learns_from_its_pairs(batch, loss_params):
    leaves = Embeddings(*(x.clone().requires_grad_() for x in batch))
    names = ["brain-image", "brain-text"]
    terms = objective_terms(loss_params(objectives=names, target_grad=False), leaves)
    taught = objective_terms(loss_params(objectives=names), leaves)
    assert {name: terms[name].item() for name in names} == {name: taught[name].item() for name in names}
    both = [torch.autograd.grad(sum(t.values()), leaves, allow_unused=True) for t in (terms, taught)]
    torch.testing.assert_close(both[0][0], both[1][0])
    assert both[0][1] is None
    assert both[0][2] is None
    assert both[1][1] is not None


def test_without_target_grad_image_and_text_still_learn_from_each_other(batch, loss_params):
    leaves = Embeddings(*(x.clone().requires_grad_() for x in batch))
    terms = objective_terms(loss_params(objectives=["brain-image", "image-text"], target_grad=False), leaves)
    sum(terms.values()).backward()
    expected = torch.autograd.grad(info_nce(leaves.image, leaves.text, SCALE), leaves.image)[0]
    torch.testing.assert_close(leaves.image.grad, expected)


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
    text = objective_terms(loss_params(positives="concept", objectives=["brain-text"]), batch, concepts=concepts)
    assert text["brain-text"].item() == info_nce(batch.brain, batch.text, SCALE, concepts=concepts).item()
    with pytest.raises(ValueError, match=r"loss\.positives is 'concept'"):
        objective_terms(loss_params(positives="concept"), batch)


@pytest.mark.parametrize("objective", ["image-text", "guidance", "brain-text", "consistency", "adapter-consistency"])
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
