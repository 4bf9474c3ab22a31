"""What InfoNCE promises."""

import math

import pytest
import torch

from pipeline_lib.objectives.info_nce import info_nce

ONE_HOT = torch.eye(2, dtype=torch.float64)


def plain_info_nce(a, b, scale, matches):
    """The definition, one item at a time; `matches[i]` lists the items that share i's target mass."""
    total = 0.0
    for query, gallery in ((a, b), (b, a)):
        for i, row in enumerate(query):
            odds = [math.exp(scale * float(row @ other)) for other in gallery]
            total -= sum(math.log(odds[j] / sum(odds)) for j in matches[i]) / len(matches[i]) / len(a)
    return total / 2


def test_equals_the_definition(embeddings):
    a, b, _ = embeddings(n_items=7, dim=5)
    expected = plain_info_nce(a, b, 14.0, [[i] for i in range(7)])
    assert info_nce(a, b, 14.0).item() == pytest.approx(expected, rel=1e-12)


def test_equals_the_definition_with_concepts(embeddings):
    a, b, _ = embeddings(n_items=6, dim=5)
    concepts = [3, 9, 3, 4, 9, 3]
    matches = [[j for j in range(6) if concepts[j] == concept] for concept in concepts]
    result = info_nce(a, b, 14.0, concepts=torch.tensor(concepts))
    assert result.item() == pytest.approx(plain_info_nce(a, b, 14.0, matches), rel=1e-12)


def test_by_hand():
    # Similarities are the identity: each row is softmax([1, 0]) at scale 1.
    assert info_nce(ONE_HOT, ONE_HOT, 1.0).item() == pytest.approx(math.log(1 + 1 / math.e))
    # At scale ln 3 the odds are 3 : 1.
    assert info_nce(ONE_HOT, ONE_HOT, math.log(3)).item() == pytest.approx(math.log(4 / 3))
    assert info_nce(ONE_HOT, ONE_HOT.flip(0), math.log(3)).item() == pytest.approx(math.log(4))


def test_both_directions_count_by_hand():
    # S = [[1, 0], [1, 0]]: rows give -ln(e/(e+1)) and -ln(1/(e+1)), columns ln 2 each.
    a = torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    rows = (math.log(1 + 1 / math.e) + math.log(1 + math.e)) / 2
    assert info_nce(a, ONE_HOT, 1.0).item() == pytest.approx((rows + math.log(2)) / 2)


def test_shared_concept_by_hand():
    # Both items are one concept: target ½ and ½, so the cost is the mean of -ln(3/4) and -ln(1/4).
    result = info_nce(ONE_HOT, ONE_HOT, math.log(3), concepts=torch.tensor([5, 5]))
    assert result.item() == pytest.approx((math.log(4 / 3) + math.log(4)) / 2)


def test_uniform_similarities_cost_the_log_of_the_batch_size():
    same = torch.ones(8, 3, dtype=torch.float64)
    assert info_nce(same, same, 5.0).item() == pytest.approx(math.log(8))


def test_distinct_concepts_are_pairs(embeddings):
    a, b, _ = embeddings(n_items=6, dim=4)
    assert info_nce(a, b, 9.0, concepts=torch.arange(6)).item() == pytest.approx(info_nce(a, b, 9.0).item())


def test_order_of_the_batch_does_not_matter(embeddings):
    a, b, _ = embeddings(n_items=9, dim=4)
    order, concepts = torch.randperm(9), torch.arange(9) // 2
    assert info_nce(a[order], b[order], 14.0).item() == pytest.approx(info_nce(a, b, 14.0).item())
    shuffled = info_nce(a[order], b[order], 14.0, concepts=concepts[order])
    assert shuffled.item() == pytest.approx(info_nce(a, b, 14.0, concepts=concepts).item())


def test_the_two_sides_are_alike(embeddings):
    a, b, _ = embeddings(n_items=6, dim=4)
    concepts = torch.tensor([0, 0, 1, 2, 2, 2])
    assert info_nce(a, b, 14.0, concepts=concepts).item() == pytest.approx(
        info_nce(b, a, 14.0, concepts=concepts).item()
    )


def test_perfect_match_costs_nothing_at_a_high_scale():
    basis = torch.eye(5, dtype=torch.float64)
    assert info_nce(basis, basis, 100.0).item() == pytest.approx(0, abs=1e-12)


def test_one_sample_costs_nothing(embeddings):
    a, b, _ = embeddings(n_items=1, dim=4)
    a.requires_grad_()
    loss = info_nce(a, b, 14.0)
    loss.backward()
    assert loss.item() == 0
    assert a.grad.abs().max() == 0


@pytest.mark.parametrize("scale", [1e-6, 1e4])
def test_stays_finite_at_extreme_temperature(embeddings, scale):
    a, b, _ = (x.float().requires_grad_() for x in embeddings(n_items=5, dim=3))
    loss = info_nce(a, b, scale)
    loss.backward()
    assert loss.isfinite()
    assert a.grad.isfinite().all()


def test_gradient_reaches_both_sides_and_the_scale(embeddings):
    a, b, _ = (x.requires_grad_() for x in embeddings(n_items=4, dim=3))
    scale = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(info_nce, (a, b, scale))


def test_names_both_shapes_when_they_differ(embeddings):
    a, b, _ = embeddings(n_items=5, dim=3)
    with pytest.raises(ValueError, match=r"b has shape \(4, 3\) but a has \(5, 3\)"):
        info_nce(a, b[:4], 14.0)
    with pytest.raises(ValueError, match=r"concepts must have shape \(5,\), got \(4,\)"):
        info_nce(a, b, 14.0, concepts=torch.arange(4))
