"""Low resolution, mosaic and noise: hand-worked values and what each promises."""

import subprocess
import sys

import numpy as np
import pytest

from pipeline_lib.stimuli.degradations import low_resolution, mosaic, noise

GREY = np.full((64, 64, 3), 128, dtype=np.uint8)


def grey(rows):
    return np.repeat(np.array(rows, dtype=np.uint8)[..., None], 3, axis=2)


def test_an_edge_at_low_resolution_by_hand():
    # Two pixels 0 and 100, enlarged to four: the new pixels lie a quarter and three quarters of the way.
    edge = grey([[0, 0, 100, 100]] * 4)
    assert np.array_equal(low_resolution(edge, 2), grey([[0, 25, 75, 100]] * 4))


def test_shrinking_takes_the_mean_over_areas():
    checkered = grey(np.indices((8, 8)).sum(axis=0) % 2 * 200)
    assert np.array_equal(low_resolution(checkered, 4), np.full((8, 8, 3), 100))


def test_lower_resolution_loses_more(picture):
    rgb = picture(64, 64)
    lost = [np.abs(low_resolution(rgb, size).astype(float) - rgb).mean() for size in (64, 32, 16, 4, 1)]
    assert lost[0] == 0
    assert lost == sorted(lost)


def test_a_picture_that_is_small_enough_comes_back_as_a_copy(picture):
    rgb = picture(9, 12)
    result = low_resolution(rgb, 9)
    assert np.array_equal(result, rgb)
    assert not np.shares_memory(result, rgb)


def test_low_resolution_keeps_the_form_of_the_picture(picture):
    assert low_resolution(picture(20, 61), 7).shape == (20, 61, 3)


def test_a_mosaic_by_hand_with_smaller_blocks_at_the_end():
    rows = [[0, 10, 20, 30, 7], [20, 30, 40, 51, 9], [100, 200, 0, 1, 255]]
    expected = [[15, 15, 35, 35, 8], [15, 15, 35, 35, 8], [150, 150, 0, 0, 255]]  # 35.25, 0.5 to even
    assert np.array_equal(mosaic(grey(rows), 2), grey(expected))


@pytest.mark.parametrize("block", [1, 4, 5, 40, 100])
def test_blocks_have_one_colour_and_the_mean_of_theirs(picture, block):
    rgb = picture(23, 31)
    result = mosaic(rgb, block)
    for top in range(0, 23, block):
        for left in range(0, 31, block):
            place = slice(top, top + block), slice(left, left + block)
            assert np.ptp(result[place].reshape(-1, 3), axis=0).max() == 0
            assert np.abs(result[place][0, 0] - rgb[place].reshape(-1, 3).mean(axis=0)).max() <= 0.5


def test_noise_has_the_deviation_asked_for():
    drawn = noise(GREY, 10, 0, "a").astype(float) - GREY
    assert drawn.std() == pytest.approx(10, rel=0.02)
    assert abs(drawn.mean()) < 0.3
    assert abs(np.corrcoef(drawn[..., 0].ravel(), drawn[..., 1].ravel())[0, 1]) < 0.05


def test_noise_is_cut_at_black_and_white():
    assert 0.4 < (noise(np.zeros((40, 40, 3), np.uint8), 50, 0, "a") == 0).mean() < 0.6
    assert 0.4 < (noise(np.full((40, 40, 3), 255, np.uint8), 50, 0, "a") == 255).mean() < 0.6


def test_without_noise_the_picture_is_the_same(picture):
    assert np.array_equal(noise(picture(), 0, 0, "a"), picture())


def test_each_image_and_seed_has_its_own_noise():
    drawn = [noise(GREY, 10, seed, name).tobytes() for seed in (0, 1) for name in ("a", "b", "ä 狐", "")]
    assert len(set(drawn)) == 8


def test_noise_does_not_depend_on_what_was_drawn_before_or_where():
    script = (
        "import sys, numpy as np\n"
        "from pipeline_lib.stimuli.degradations import noise\n"
        "grey = np.full((4, 4, 3), 128, dtype=np.uint8)\n"
        "noise(grey, 10, 0, 'another')\n"
        "print(noise(grey, 10, 3, 'train/a_01').tobytes().hex())\n"
    )
    elsewhere = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert noise(GREY[:4, :4], 10, 3, "train/a_01").tobytes().hex() == elsewhere.strip()
