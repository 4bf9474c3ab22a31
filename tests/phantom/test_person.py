"""What makes the phantom's people alike and different."""

import numpy as np
import pytest

from pipeline_lib.phantom.modality import MODALITIES
from pipeline_lib.phantom.person import IDIOSYNCRASY, make_person
from pipeline_lib.phantom.sources import WAVES


@pytest.fixture(scope="module")
def people():
    return [make_person(3, number, MODALITIES["eeg"]) for number in (1, 2)]


def alike(first, second):
    return float((first * second).sum() / np.linalg.norm(first) / np.linalg.norm(second))


def test_a_person_is_decided_by_seed_and_number(people):
    again, other_study = (make_person(seed, 2, MODALITIES["eeg"]) for seed in (3, 4))
    assert np.array_equal(again.responses["late"].gain, people[1].responses["late"].gain)
    assert np.array_equal(again.noise.background, people[1].noise.background)
    assert not np.allclose(other_study.responses["late"].gain, people[1].responses["late"].gain)


@pytest.mark.parametrize("wave", WAVES, ids=lambda wave: wave.name)
def test_people_share_much_but_not_all(people, wave):
    first, second = (person.responses[wave.name] for person in people)
    common = 1 - IDIOSYNCRASY**2
    assert 0.5 < alike(first.gain, second.gain) < 0.98
    assert alike(first.mixing, second.mixing) == pytest.approx(common, abs=0.1)
    assert np.abs(first.dipoles.latency - second.dipoles.latency).max() > 0.001


@pytest.mark.parametrize("wave", WAVES, ids=lambda wave: wave.name)
def test_responses_are_a_few_microvolts(people, wave):
    gain = people[0].responses[wave.name].gain
    assert 1e-6 < np.sqrt((gain**2).sum(axis=1).mean()) < 2e-6


def test_one_head_is_measured_in_either_way(people):
    in_the_helmet = make_person(3, 1, MODALITIES["meg"])
    for wave, response in in_the_helmet.responses.items():
        electric = people[0].responses[wave]
        assert np.array_equal(response.dipoles.position, electric.dipoles.position)
        assert np.array_equal(response.mixing, electric.mixing)
        assert response.gain.shape == (271, electric.gain.shape[1])
        assert 30e-15 < np.sqrt((response.gain**2).sum(axis=1).mean()) < 200e-15
    assert in_the_helmet.noise.alpha_frequency == people[0].noise.alpha_frequency
