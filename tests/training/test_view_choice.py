"""The rule by which a view is chosen: by hand, by a plain computation, and at its edges."""

import statistics

import pytest
import torch

from pipeline_lib.training.params import UncertaintyParams
from pipeline_lib.training.view_choice import ViewChoice
from tests.training.conftest import VIEWS

CPU = torch.device("cpu")


def choice_of(n_samples, views=VIEWS, momentum=0.3, deviations=1.0):
    return ViewChoice(UncertaintyParams(momentum=momentum, deviations=deviations), views, n_samples, CPU)


def take_in(choice, rows, cosines):
    """Show the choice pairs of embeddings with these cosines, of lengths that must not matter."""
    cosines = torch.tensor(cosines)
    brain = torch.stack([cosines, (1 - cosines**2).sqrt()], dim=1)
    image = torch.tensor([1.0, 0.0]).expand(len(cosines), 2)
    lengths = torch.linspace(0.1, 9, len(cosines))[:, None]
    choice.update(torch.tensor(rows), lengths * brain, lengths.flip(0) * image)


def test_everything_starts_in_the_middle():
    assert choice_of(4).view.tolist() == [1] * 4
    assert choice_of(2, views="abcd").view.tolist() == [2, 2]


@pytest.mark.parametrize(("deviations", "expected"), [(1.0, [0, 1, 1, 1, 2]), (1.4, [0, 1, 1, 1, 2]), (1.96, [1] * 5)])
def test_sure_matches_get_less_blur_and_unsure_ones_more_by_hand(deviations, expected):
    choice = choice_of(5, deviations=deviations)
    take_in(choice, [0, 1, 2, 3, 4], [0.8, 0.5, 0.5, 0.5, 0.2])  # mean 0.5, sd 0.2121: 1.414 of it from 0.8 and 0.2
    assert choice.view.tolist() == expected


def test_similarities_run_with_their_momentum_by_hand():
    choice = choice_of(3)
    take_in(choice, [0, 1], [0.8, 0.4])
    take_in(choice, [1, 2], [-0.6, 0.9])
    assert choice.similarity.tolist() == pytest.approx([0.8, 0.3 * -0.6 + 0.7 * 0.4, 0.9])


def test_a_similarity_that_is_no_number_leaves_views_that_exist():
    choice = choice_of(5)
    take_in(choice, [0, 1, 2], [0.8, float("nan"), 0.2])
    assert choice.view.tolist() == [1] * 5


def test_what_was_not_seen_stays_in_the_middle_and_out_of_the_statistics():
    choice = choice_of(100)
    take_in(choice, [10, 20, 30, 40, 50], [0.8, 0.5, 0.5, 0.5, 0.2])
    assert {row: view for row, view in enumerate(choice.view.tolist()) if view != 1} == {10: 0, 50: 2}


def test_a_view_follows_from_where_the_similarity_lies_not_from_the_last_view():
    choice = choice_of(5, momentum=1.0)
    for _ in range(3):
        take_in(choice, [0, 1, 2, 3, 4], [0.8, 0.5, 0.5, 0.5, 0.2])
    assert choice.view.tolist() == [0, 1, 1, 1, 2]
    take_in(choice, [0, 4], [0.5, 0.5])
    assert choice.view.tolist() == [1] * 5


def test_of_two_views_the_more_blurred_is_the_middle():
    choice = choice_of(5, views="ab")
    take_in(choice, [0, 1, 2, 3, 4], [0.8, 0.5, 0.5, 0.5, 0.2])
    assert choice.view.tolist() == [0, 1, 1, 1, 1]


def test_of_many_views_further_ones_lie_further_out_and_the_last_is_the_last():
    choice = choice_of(5, views="abcde", deviations=0.7)
    take_in(choice, [0, 1, 2, 3, 4], [0.8, 0.5, 0.5, 0.5, 0.2])  # 1.414 deviations are two of 0.7
    assert choice.view.tolist() == [0, 2, 2, 2, 4]
    choice.params = choice.params.model_copy(update={"deviations": 0.1})
    take_in(choice, [1], [0.5])
    assert choice.view.tolist() == [0, 2, 2, 2, 4]


@pytest.mark.parametrize("cosines", [[0.3] * 7, [0.1 + 0.2] * 7, [1 / 3] * 7, [0.0] * 7])
def test_samples_that_are_all_alike_stay_in_the_middle(cosines):
    choice = choice_of(7, deviations=0.5)
    take_in(choice, list(range(7)), cosines)
    assert choice.view.tolist() == [1] * 7


def test_a_single_sample_has_nothing_to_be_compared_with():
    choice = choice_of(3)
    take_in(choice, [1], [0.9])
    assert choice.view.tolist() == [1] * 3


def test_random_steps_equal_the_plain_rule():
    generator, running = torch.Generator().manual_seed(0), {}
    choice = choice_of(40, momentum=0.4, deviations=0.8)
    for _ in range(12):
        rows = torch.randperm(40, generator=generator)[:15].tolist()
        cosines = (torch.rand(15, generator=generator) * 2 - 1).tolist()
        take_in(choice, rows, cosines)
        for row, cosine in zip(rows, cosines, strict=True):
            running[row] = 0.4 * cosine + 0.6 * running[row] if row in running else cosine
        mean, deviation = statistics.mean(running.values()), statistics.stdev(running.values())
        for row, view in enumerate(choice.view.tolist()):
            similarity = running.get(row, mean)
            low, high = mean - 0.8 * deviation, mean + 0.8 * deviation
            assert view == (2 if similarity < low else 0 if similarity > high else 1)


def test_the_order_of_samples_does_not_matter():
    generator = torch.Generator().manual_seed(1)
    order, cosines = torch.randperm(20, generator=generator), torch.rand(20, generator=generator)
    one, other = choice_of(20), choice_of(20)
    take_in(one, list(range(20)), cosines.tolist())
    take_in(other, order.tolist(), cosines[order].tolist())
    assert torch.equal(one.view, other.view)


def test_shares_count_the_samples_of_a_batch():
    choice = choice_of(5)
    take_in(choice, [0, 1, 2, 3, 4], [0.8, 0.5, 0.5, 0.5, 0.2])
    shares = choice.shares(torch.tensor([0, 1, 2, 4]))
    assert {name: float(share) for name, share in shares.items()} == {
        "view/sharp": 0.25,
        "view/medium": 0.5,
        "view/blurred": 0.25,
    }


def test_a_state_comes_back_and_is_not_shared():
    choice, other = choice_of(5), choice_of(5)
    take_in(choice, [0, 1, 2, 3, 4], [0.8, 0.5, 0.5, 0.5, 0.2])
    other.load_state_dict(choice.state_dict())
    for name, value in choice.state_dict().items():
        assert torch.equal(other.state_dict()[name], value)
    take_in(choice, [2], [-0.9])
    assert other.similarity.tolist() == pytest.approx([0.8, 0.5, 0.5, 0.5, 0.2])
