"""What consistency promises."""

import math

import pytest
import torch

from pipeline_lib.objectives.consistency import consistency


def plain_consistency(a, b):
    """The definition, one item at a time."""
    cosines = []
    for x, y in zip(a.tolist(), b.tolist(), strict=True):
        inner = sum(u * v for u, v in zip(x, y, strict=True))
        cosines.append(inner / math.sqrt(sum(u * u for u in x)) / math.sqrt(sum(v * v for v in y)))
    return 1 - sum(cosines) / len(cosines)


def test_equals_the_definition(embeddings):
    a, b, _ = embeddings(n_items=7, dim=5)
    a = a * torch.arange(1, 8)[:, None]
    assert consistency(a, b).item() == pytest.approx(plain_consistency(a, b), rel=1e-12)


def test_by_hand():
    # Angles of 0, 45 and 90 degrees.
    a = torch.tensor([[2.0, 0.0], [3.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    b = torch.tensor([[5.0, 0.0], [1.0, 1.0], [0.0, 4.0]], dtype=torch.float64)
    assert consistency(a, b).item() == pytest.approx(1 - (1 + math.sqrt(0.5) + 0) / 3)


def test_zero_for_equal_and_two_for_opposite_embeddings(embeddings):
    a, _, _ = embeddings(n_items=6, dim=4)
    assert consistency(a, a).item() == pytest.approx(0, abs=1e-12)
    assert consistency(a, -a).item() == pytest.approx(2, abs=1e-12)


def test_lengths_do_not_matter(embeddings):
    a, b, _ = embeddings(n_items=5, dim=4)
    lengths = torch.tensor([0.1, 1.0, 3.0, 1e-4, 1e4], dtype=torch.float64)[:, None]
    assert consistency(a * lengths, b / lengths).item() == pytest.approx(consistency(a, b).item())


def test_the_two_sides_are_alike_and_order_does_not_matter(embeddings):
    a, b, _ = embeddings(n_items=9, dim=4)
    order = torch.randperm(9)
    assert consistency(b, a).item() == pytest.approx(consistency(a, b).item())
    assert consistency(a[order], b[order]).item() == pytest.approx(consistency(a, b).item())


def test_gradient_reaches_both_sides(embeddings):
    a, b, _ = (x.requires_grad_() for x in embeddings(n_items=4, dim=3))
    assert torch.autograd.gradcheck(consistency, (a, b))


def test_stays_finite_for_an_embedding_of_zeros():
    zeros = torch.zeros(2, 3, requires_grad=True)
    loss = consistency(zeros, torch.ones(2, 3))
    loss.backward()
    assert loss.item() == 1
    assert zeros.grad.isfinite().all()


def test_names_both_shapes_when_they_differ(embeddings):
    a, b, _ = embeddings(n_items=5, dim=3)
    with pytest.raises(ValueError, match=r"b has shape \(4, 3\) but a has \(5, 3\)"):
        consistency(a, b[:4])
