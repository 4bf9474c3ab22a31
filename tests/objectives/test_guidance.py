"""What semantic guidance promises."""

import math
from functools import partial

import pytest
import torch

from pipeline_lib.objectives.guidance import semantic_guidance

ONE_HOT = torch.eye(2, dtype=torch.float64)
as_algorithm = partial(semantic_guidance, diagonal="softmax", reduction="mean", teacher_grad=False)
as_equations = partial(semantic_guidance, diagonal="one", reduction="sum", teacher_grad=False)


def plain_guidance(brain, image, text, scale, diagonal):
    """The definition, one entry at a time, summed over the rows."""
    total = 0.0
    for i in range(len(brain)):
        q = [math.exp(scale * float(brain[i] @ other)) for other in image]
        p = [math.exp(scale * float(image[i] @ other)) for other in text]
        q, p = [x / sum(q) for x in q], [x / sum(p) for x in p]
        if diagonal == "one":
            q[i] = p[i] = 1.0
        total += sum(x * math.log(x / y) for x, y in zip(q, p, strict=True))
    return total


@pytest.mark.parametrize("diagonal", ["softmax", "one"])
@pytest.mark.parametrize(("reduction", "divisor"), [("mean", 7), ("sum", 1)])
def test_equals_the_definition(embeddings, diagonal, reduction, divisor):
    brain, image, text = embeddings(n_items=7, dim=5)
    result = semantic_guidance(brain, image, text, 14.0, diagonal=diagonal, reduction=reduction, teacher_grad=False)
    expected = plain_guidance(brain, image, text, 14.0, diagonal) / divisor
    assert result.item() == pytest.approx(expected, rel=1e-11)


def test_by_hand():
    # Q is even (brain halfway between both images), P = softmax([1, 0]) and softmax([0, 1]) at scale 1.
    halfway = torch.full((2, 2), 0.5**0.5, dtype=torch.float64)
    p = math.e / (math.e + 1)
    expected = 0.5 * math.log(0.5 / p) + 0.5 * math.log(0.5 / (1 - p))
    assert as_algorithm(halfway, ONE_HOT, ONE_HOT, 1.0).item() == pytest.approx(expected)


def test_diagonal_one_by_hand():
    # As above, but only the two off-diagonal terms ½ ln(½ / (1 - p)) are left, and they are summed.
    halfway = torch.full((2, 2), 0.5**0.5, dtype=torch.float64)
    p = math.e / (math.e + 1)
    assert as_equations(halfway, ONE_HOT, ONE_HOT, 1.0).item() == pytest.approx(math.log(0.5 / (1 - p)))


def test_with_diagonal_one_it_can_be_negative():
    # Brain on its image at odds 3 : 1, teacher even: 2 · ¼ ln(¼ / ½) < 0. No divergence.
    halfway = torch.full((2, 2), 0.5**0.5, dtype=torch.float64)
    result = as_equations(ONE_HOT, ONE_HOT, halfway, math.log(3))
    assert result.item() == pytest.approx(-0.5 * math.log(2))


@pytest.mark.parametrize("seed", range(5))
def test_is_never_negative_with_plain_softmax(embeddings, seed):
    assert as_algorithm(*embeddings(n_items=6, dim=4, seed=seed), 14.0) >= 0


def test_zero_where_the_student_agrees_with_the_teacher(embeddings):
    _, image, _ = embeddings(n_items=6, dim=4)
    assert as_algorithm(image, image, image, 14.0).item() == pytest.approx(0, abs=1e-12)
    assert as_equations(image, image, image, 14.0).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("loss", [as_algorithm, as_equations])
def test_order_of_the_batch_does_not_matter(embeddings, loss):
    brain, image, text = embeddings(n_items=9, dim=4)
    order = torch.randperm(9)
    shuffled = loss(brain[order], image[order], text[order], 14.0)
    assert shuffled.item() == pytest.approx(loss(brain, image, text, 14.0).item())


def test_the_teacher_is_a_target(embeddings):
    brain, image, text = (x.requires_grad_() for x in embeddings(n_items=4, dim=3))
    as_algorithm(brain, image, text, 14.0).backward()
    assert text.grad is None
    assert brain.grad is not None
    student_only = image.grad.clone()
    fixed = torch.log_softmax(14.0 * image @ text.T, dim=1).detach()
    image.grad = None
    log_q = torch.log_softmax(14.0 * brain @ image.T, dim=1)
    ((log_q.exp() * (log_q - fixed)).sum() / 4).backward()
    torch.testing.assert_close(student_only, image.grad)


def test_the_teacher_learns_when_asked_to(embeddings):
    brain, image, text = (x.requires_grad_() for x in embeddings(n_items=4, dim=3))
    taught = partial(semantic_guidance, diagonal="softmax", reduction="mean", teacher_grad=True)
    taught(brain, image, text, 14.0).backward()
    assert text.grad.norm() > 0
    assert torch.autograd.gradcheck(lambda *x: taught(*x, 3.0), (brain, image, text))


@pytest.mark.parametrize("diagonal", ["softmax", "one"])
@pytest.mark.parametrize("scale", [1e-6, 1e4])
def test_stays_finite_at_extreme_temperature(embeddings, diagonal, scale):
    brain, image, text = (x.float().requires_grad_() for x in embeddings(n_items=5, dim=3))
    loss = semantic_guidance(brain, image, text, scale, diagonal=diagonal, reduction="mean", teacher_grad=True)
    loss.backward()
    assert loss.isfinite()
    assert all(x.grad.isfinite().all() for x in (brain, image, text))


@pytest.mark.parametrize("loss", [as_algorithm, as_equations])
def test_one_sample_costs_nothing(embeddings, loss):
    assert loss(*embeddings(n_items=1, dim=3), 14.0).item() == 0


def test_names_both_shapes_when_they_differ(embeddings):
    brain, image, text = embeddings(n_items=5, dim=3)
    with pytest.raises(ValueError, match=r"image.*\(4, 3\).*brain.*\(5, 3\)"):
        as_algorithm(brain, image[:4], text, 14.0)
