"""What the drawn pictures promise."""

from itertools import combinations

import cv2
import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.phantom.images import (
    ALL_CONCEPTS,
    COLORS,
    PATTERNS,
    SHAPES,
    Concept,
    caption_of,
    draw,
    sentence_of,
    split_concepts,
)

RED_STAR = Concept("star", "striped", "red")


def drawn(concept: Concept, seed: int = 0, size: int = 64) -> np.ndarray:
    return draw(concept, np.random.default_rng(seed), size)


def far_pixels(first: np.ndarray, second: np.ndarray) -> float:
    """Share of pixels that clearly differ."""
    return float((abs(first.astype(int) - second).max(axis=-1) > 30).mean())


def test_there_are_240_different_concepts():
    assert len(set(ALL_CONCEPTS)) == len(SHAPES) * len(PATTERNS) * len(COLORS) == 240


def test_captions_name_pattern_color_and_shape():
    assert caption_of(RED_STAR) == "striped red star"
    assert sentence_of(RED_STAR) == "a photo of a striped red star"
    assert len({caption_of(concept) for concept in ALL_CONCEPTS}) == 240


def test_one_generator_state_gives_one_picture():
    assert np.array_equal(drawn(RED_STAR, seed=5), drawn(RED_STAR, seed=5))
    assert far_pixels(drawn(RED_STAR, seed=5), drawn(RED_STAR, seed=6)) > 0.2


@pytest.mark.parametrize("size", [1, 33, 64, 224])
def test_any_size(size):
    picture = drawn(RED_STAR, size=size)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8


def test_the_scene_does_not_depend_on_the_size():
    reduced = cv2.resize(drawn(RED_STAR, size=256), (64, 64), interpolation=cv2.INTER_AREA)
    assert abs(reduced.astype(float) - drawn(RED_STAR, size=64)).mean() < 5


@pytest.mark.parametrize(
    ("attribute", "values"), [("shape", SHAPES), ("pattern", PATTERNS), ("color", tuple(COLORS))], ids=str
)
def test_in_one_scene_every_two_values_of_an_attribute_look_different(attribute, values):
    scene = {value: drawn(Concept("circle", "plain", "red")._replace(**{attribute: value}), seed=1) for value in values}
    for first, second in combinations(values, 2):
        assert far_pixels(scene[first], scene[second]) > 0.02, (first, second)


@pytest.mark.parametrize("color", COLORS)
def test_the_commonest_bright_color_inside_is_the_one_named(color):
    center = drawn(Concept("circle", "plain", color), seed=2, size=64)[26:38, 26:38].reshape(-1, 3)
    shade = np.median(center, axis=0)
    directions = {name: np.array(rgb) / np.linalg.norm(rgb) for name, rgb in COLORS.items()}
    assert max(directions, key=lambda name: directions[name] @ shade) == color


@pytest.mark.parametrize(("attribute", "value"), [("shape", "blob"), ("pattern", "furry")])
def test_an_unknown_attribute_is_named_with_the_allowed_ones(attribute, value):
    with pytest.raises(ValueError, match=rf"{attribute} is '{value}', allowed: "):
        drawn(RED_STAR._replace(**{attribute: value}))


def test_training_and_test_concepts_are_disjoint():
    train, test = split_concepts(2026, 180, 60)
    assert (len(set(train)), len(set(test))) == (180, 60)
    assert not set(train) & set(test)


def test_the_test_concepts_depend_on_the_seed_and_their_number_alone():
    assert split_concepts(2026, 10, 60)[1] == split_concepts(2026, 180, 60)[1]
    assert split_concepts(2026, 10, 60)[1] != split_concepts(2027, 10, 60)[1]


@pytest.mark.parametrize(("n_train", "n_test"), [(181, 60), (0, 60), (180, 0)])
def test_too_many_or_too_few_concepts_are_refused_in_one_line(n_train, n_test):
    with pytest.raises(InputError, match=f"train_concepts is {n_train}.*test_concepts is {n_test}.*at most 240"):
        split_concepts(0, n_train, n_test)


def test_every_attribute_appears_among_the_default_test_concepts(params):
    phantom = params["phantom"]
    _, test = split_concepts(phantom["seed"], phantom["train_concepts"], phantom["test_concepts"])
    assert all({concept[i] for concept in test} == set(names) for i, names in enumerate((SHAPES, PATTERNS, COLORS)))
