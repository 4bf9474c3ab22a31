"""Tokens drawn at random: from the right distribution, and each image's own."""

import math

import numpy as np
import pytest
import torch

from pipeline_lib.captioning.decoding import Decoding, Sampling, draw, numbers_of

LOGITS = torch.tensor([0.1, 0.2, 0.3, 0.4]).log()[None]  # from the likeliest: tokens 3, 2, 1, 0 up to 0.4, 0.7, 0.9, 1


def drawn(number, *, temperature=1.0, top_p=1.0, logits=LOGITS):
    sampling = Sampling(temperature, top_p, seed=0)
    return draw(logits, torch.tensor([number], dtype=torch.float64), sampling).item()


@pytest.mark.parametrize(
    ("number", "token"), [(0.0, 3), (0.39, 3), (0.41, 2), (0.69, 2), (0.71, 1), (0.89, 1), (0.91, 0), (1 - 1e-16, 0)]
)
def test_a_number_falls_into_the_share_of_its_token(number, token):
    assert drawn(number) == token


@pytest.mark.parametrize(("number", "token"), [(0.0, 3), (0.57, 3), (0.58, 2), (0.9999, 2)])
def test_only_the_likeliest_tokens_that_reach_top_p_are_drawn(number, token):
    assert drawn(number, top_p=0.6) == token  # 3 and 2 are kept, with shares 4/7 and 3/7


def test_a_small_top_p_or_temperature_takes_the_likeliest():
    assert {drawn(number, top_p=1e-9) for number in (0.0, 0.5, 0.999)} == {3}
    assert {drawn(number, temperature=1e-3) for number in (0.0, 0.5, 0.999)} == {3}


def test_temperature_flattens():
    # At temperature 2 the shares are as the square roots of 0.4, 0.3, 0.2, 0.1.
    roots = [math.sqrt(p) for p in (0.4, 0.3, 0.2, 0.1)]
    border = roots[0] / sum(roots)
    assert drawn(border - 1e-6, temperature=2) == 3
    assert drawn(border + 1e-6, temperature=2) == 2


def test_tokens_that_are_ruled_out_are_never_drawn():
    logits = torch.tensor([[-torch.inf, 0.0, -torch.inf]])
    assert {drawn(number, logits=logits) for number in (0.0, 0.5, 1 - 1e-16)} == {1}


def test_frequencies_are_the_probabilities():
    numbers = torch.from_numpy(np.random.default_rng(0).random(40_000))
    tokens = draw(LOGITS.expand(len(numbers), -1), numbers, Sampling(1.0, 1.0, 0))
    shares = torch.bincount(tokens, minlength=4) / len(numbers)
    torch.testing.assert_close(shares, torch.tensor([0.1, 0.2, 0.3, 0.4]), atol=0.01, rtol=0)


def test_numbers_belong_to_seed_and_image():
    first = numbers_of(0, "train/a", 5)
    assert np.array_equal(first, numbers_of(0, "train/a", 9)[:5])
    others = [numbers_of(1, "train/a", 5), numbers_of(0, "train/b", 5)]
    assert all(not np.intersect1d(first, other).size for other in others)


def test_the_likeliest_needs_no_numbers():
    assert Decoding(5).chooser(["a"]) == []


def test_each_step_uses_the_next_number_of_each_row():
    (chooser,) = Decoding(3, Sampling(1.0, 1.0, 0)).chooser(["a", "b"])
    numbers = [numbers_of(0, key, 3) for key in "ab"]
    for step in range(3):
        scores = chooser(torch.zeros(2, 1), LOGITS.expand(2, -1))
        assert scores.argmax(1).tolist() == [drawn(row[step]) for row in numbers]
        assert (scores > -torch.inf).sum(1).tolist() == [1, 1]
