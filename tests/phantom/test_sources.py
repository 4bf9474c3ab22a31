"""What the dipoles promise."""

import numpy as np
import pytest

from pipeline_lib.phantom.sources import DEPTH, WAVES, alpha_dipoles, background_dipoles, of_person, wave_dipoles

SKULL = 0.9


@pytest.mark.parametrize("wave", WAVES, ids=lambda wave: wave.name)
def test_dipoles_lie_in_both_hemispheres_inside_the_brain(wave):
    dipoles = wave_dipoles(wave, seed=0)
    assert dipoles.position[::2, 0].mean() > 0.1
    assert dipoles.position[1::2, 0].mean() < -0.1
    depth = np.linalg.norm(dipoles.position, axis=1)
    assert DEPTH[0] <= depth.min() <= depth.max() <= DEPTH[1] < SKULL
    assert np.linalg.norm(dipoles.orientation, axis=1) == pytest.approx(1)


def test_waves_move_from_the_occiput_to_the_temporal_lobe_as_time_goes_on():
    early, mid, late = (wave_dipoles(wave, seed=0) for wave in WAVES)
    assert early.position[:, 1].mean() < mid.position[:, 1].mean() < late.position[:, 1].mean()
    assert early.latency.max() < mid.latency.min() < mid.latency.max() < late.latency.min()
    assert early.latency.mean() == pytest.approx(0.1, abs=0.01)
    assert 0.3 < late.latency.min() < late.latency.max() < 0.4


def test_a_person_differs_a_little_from_the_average():
    average = wave_dipoles(WAVES[0], seed=0)
    person = of_person(average, np.random.default_rng(1), delay=0.01)
    moved = np.linalg.norm(person.position - average.position, axis=1)
    assert 0.01 < moved.mean() < 0.15
    assert (person.orientation * average.orientation).sum(axis=1).mean() > 0.7
    assert (person.latency - average.latency).mean() == pytest.approx(0.01, abs=0.003)
    assert np.linalg.norm(person.position, axis=1).max() <= DEPTH[1] + 1e-12


def test_the_average_head_depends_on_the_seed_alone():
    first, again, other = (wave_dipoles(WAVES[1], seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.position, again.position)
    assert not np.allclose(first.position, other.position)


def test_noise_comes_from_everywhere_and_alpha_from_the_back():
    background = background_dipoles(np.random.default_rng(0))
    alpha = alpha_dipoles(np.random.default_rng(0))
    assert np.abs(background.position.mean(axis=0)).max() < 0.2
    assert np.linalg.norm(background.position, axis=1).max() < SKULL
    assert alpha.position[:, 1].max() < 0
