"""What a picture does to the dipoles."""

import numpy as np
import pytest

from pipeline_lib.phantom.drive import GRID, concept_drive, early_drive, low_level_maps, picture_drives, standardised
from pipeline_lib.phantom.image_set import plan_image_set, write_image_set
from pipeline_lib.phantom.images import Concept
from pipeline_lib.phantom.sources import WAVES

RED_STAR, BLUE_STAR = Concept("star", "striped", "red"), Concept("star", "striped", "blue")
RED_RING, BLUE_RING = Concept("ring", "striped", "red"), Concept("ring", "striped", "blue")
ALL = ("shape", "pattern", "color")


def concept_drives(*concepts, attributes=ALL, specific=0.0):
    return concept_drive(concepts, 6, attributes, specific=specific, seed=5, wave=2)


def test_maps_of_a_plain_red_picture_by_hand():
    edges, luminance, red_green, blue_yellow = low_level_maps(np.full((64, 64, 3), (255, 0, 0), np.uint8))
    assert edges == pytest.approx(np.zeros((GRID, GRID)))
    assert luminance == pytest.approx(np.full((GRID, GRID), 1 / 3))
    assert red_green == pytest.approx(np.ones((GRID, GRID)))
    assert blue_yellow == pytest.approx(np.full((GRID, GRID), -0.5))


def test_edges_are_where_the_picture_changes():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 32:] = 255
    edges = low_level_maps(picture)[0]
    assert edges[:, GRID // 2 - 1 : GRID // 2 + 1].min() > 0.1
    assert edges[:, [0, 1, -2, -1]] == pytest.approx(0)


def test_each_hemisphere_sees_the_opposite_half():
    left_half = np.zeros((1, 4, GRID, GRID))
    left_half[..., : GRID // 4] = 1
    strength = np.abs(early_drive(left_half, 40, seed=0))[0]
    assert strength[::2].mean() > 5 * strength[1::2].mean()


def test_early_drive_is_linear_in_the_maps():
    first, second = np.random.default_rng(0).normal(size=(2, 1, 4, GRID, GRID))
    together = early_drive(first + 2 * second, 8, seed=0)
    assert together == pytest.approx(early_drive(first, 8, seed=0) + 2 * early_drive(second, 8, seed=0))


def test_attributes_add_up():
    red_star, blue_star, red_ring, blue_ring = concept_drives(RED_STAR, BLUE_STAR, RED_RING, BLUE_RING)
    assert red_star - blue_star == pytest.approx(red_ring - blue_ring)
    assert not np.allclose(red_star, blue_star)


def test_attributes_that_do_not_count_change_nothing():
    red_star, blue_star, red_ring, _ = concept_drives(
        RED_STAR, BLUE_STAR, RED_RING, BLUE_RING, attributes=("shape", "pattern")
    )
    assert np.array_equal(red_star, blue_star)
    assert not np.allclose(red_star, red_ring)


def test_the_specific_part_cannot_be_guessed_from_the_attributes():
    red_star, blue_star, red_ring, blue_ring = concept_drives(RED_STAR, BLUE_STAR, RED_RING, BLUE_RING, specific=1.0)
    assert np.abs((red_star - blue_star) - (red_ring - blue_ring)).max() > 0.5


def test_a_concept_drives_the_same_in_any_company():
    alone = concept_drives(RED_STAR, specific=1.0)
    assert np.array_equal(concept_drives(BLUE_RING, RED_STAR, specific=1.0)[1:], alone)


def test_standardised_uses_the_training_rows_alone_and_survives_constants():
    values = np.array([[1.0, 5.0], [3.0, 5.0], [6.0, 5.0]])
    assert standardised(values, 2).tolist() == [[-1.0, 0.0], [1.0, 0.0], [4.0, 0.0]]


def test_every_wave_gets_a_standardised_drive(small_phantom, tmp_path):
    images = plan_image_set(small_phantom())
    write_image_set(images, tmp_path / "images", seed=7, size=32)
    drives = picture_drives([*images.train, *images.test], tmp_path / "images", n_train=12, seed=7)
    assert {name: drive.shape for name, drive in drives.items()} == {wave.name: (16, wave.n_dipoles) for wave in WAVES}
    for drive in drives.values():
        assert drive[:12].mean(axis=0) == pytest.approx(0, abs=1e-9)
        assert drive[:12].var(axis=0) == pytest.approx(1)


def test_only_the_early_drive_tells_two_pictures_of_one_concept_apart(small_phantom, tmp_path):
    images = plan_image_set(small_phantom())
    write_image_set(images, tmp_path / "images", seed=7, size=32)
    drives = picture_drives(images.train, tmp_path / "images", n_train=12, seed=7)
    assert np.abs(drives["early"][0] - drives["early"][1]).max() > 0.1
    assert np.array_equal(drives["mid"][0], drives["mid"][1])
    assert np.array_equal(drives["late"][0], drives["late"][1])
