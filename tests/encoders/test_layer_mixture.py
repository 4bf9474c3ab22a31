"""What a mixture of layers promises."""

import math

import pytest
import torch

from pipeline_lib.encoders.layer_mixture import LayerMixture


def mixture(scores):
    made = LayerMixture(len(scores[0]), len(scores))
    with torch.no_grad():
        made.scores.copy_(torch.tensor(scores))
    return made


def test_starts_even():
    made = LayerMixture(4, 3)
    features = torch.randn(5, 4, 6)
    torch.testing.assert_close(made(features), features.mean(1))
    torch.testing.assert_close(made(features, torch.tensor([0, 2, 1, 1, 0])), features.mean(1))


def test_by_hand():
    # Scores ln 3 and 0: shares 3/4 and 1/4. The other subject's are the reverse, so a stranger's are even.
    made = mixture([[math.log(3), 0.0], [0.0, math.log(3)]])
    features = torch.tensor([[[4.0], [8.0]]]).expand(2, 2, 1)
    assert made(features, torch.tensor([0, 1])).flatten().tolist() == pytest.approx([5.0, 7.0])
    assert made(features, torch.tensor(0)).flatten().tolist() == pytest.approx([5.0, 5.0])
    assert made(features).flatten().tolist() == pytest.approx([6.0, 6.0])


def test_a_stranger_gets_the_mean_of_the_scores():
    made = mixture([[0.0, 3.0, 0.0], [0.0, 3.0, 3.0], [0.0, 3.0, 0.0]])
    torch.testing.assert_close(made.weights(), torch.softmax(torch.tensor([0.0, 3.0, 1.0]), dim=0))


def test_one_training_subject_is_all_that_is_known_about_people():
    made = mixture([[0.3, -2.0, 1.0]])
    features = torch.randn(4, 3, 5)
    torch.testing.assert_close(made(features), made(features, torch.zeros(4, dtype=torch.int64)))


def test_shares_sum_to_one_at_any_scores():
    made = mixture([[1e4, -1e4, 0.0], [5.0, 5.0, 5.0]])
    shares = made.weights(torch.tensor([1, 0, 0]))
    assert shares.shape == (3, 3)
    torch.testing.assert_close(shares.sum(1), torch.ones(3))


def test_a_subject_learns_from_its_own_items_only():
    made = LayerMixture(3, 2)
    made(torch.randn(4, 3, 5), torch.tensor([1, 1, 1, 1])).square().sum().backward()
    assert made.scores.grad[0].abs().max() == 0
    assert made.scores.grad[1].norm() > 0


def test_finds_the_layer_that_carries_the_target():
    torch.manual_seed(0)
    features = torch.randn(64, 3, 8)
    made, subject = LayerMixture(3, 2), torch.arange(64) % 2
    target = torch.where(subject[:, None] == 0, features[:, 0], features[:, 2])
    optimizer = torch.optim.Adam(made.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        (made(features, subject) - target).square().mean().backward()
        optimizer.step()
    assert made.weights(torch.tensor([0, 1])).argmax(1).tolist() == [0, 2]
    assert made.weights(torch.tensor(0))[0] > 0.9


@pytest.mark.parametrize("shape", [(4, 5), (4, 2, 5), (4, 3)])
def test_another_number_of_layers_is_refused(shape):
    with pytest.raises(ValueError, match=r"must have shape \(n_items, 3, dim\), got"):
        LayerMixture(3, 1)(torch.zeros(shape))
