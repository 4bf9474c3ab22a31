"""What makes the phantom's people alike and different."""

import numpy as np
import pytest

from pipeline_lib.phantom.person import IDIOSYNCRASY, make_person
from pipeline_lib.phantom.sources import WAVES


@pytest.fixture(scope="module")
def people():
    return [make_person(seed=3, number=number) for number in (1, 2)]


def alike(first, second):
    return float((first * second).sum() / np.linalg.norm(first) / np.linalg.norm(second))


def test_a_person_is_decided_by_seed_and_number(people):
    again, other_study = make_person(seed=3, number=2), make_person(seed=4, number=2)
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
    assert np.sqrt((gain**2).sum(axis=1).mean()) == pytest.approx(wave.microvolts * 1e-6)
