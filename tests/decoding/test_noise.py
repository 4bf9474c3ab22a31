"""Whitening of new sessions, and scaling."""

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.decoding.noise import mean_whitening, treat
from pipeline_lib.decoding.parts import Part, trial_frame
from pipeline_lib.recordings.fitted import Fitted
from pipeline_lib.recordings.params import PreprocessParams


def root(covariance):
    values, vectors = np.linalg.eigh(covariance)
    return vectors / np.sqrt(values) @ vectors.T


def part(owner="", session=0, n=3, seed=0, name="a"):
    epochs = np.random.default_rng(seed).normal(size=(n, 2, 50)).astype(np.float32)
    return Part(epochs, trial_frame(name, session, np.arange(n), [""] * n), owner)


@pytest.fixture
def section(params):
    return PreprocessParams.model_validate(params["preprocess"])


COVARIANCES = {1: np.array([[4.0, 1.0], [1.0, 2.0]]), 2: np.array([[2.0, -1.0], [-1.0, 6.0]])}
ONE = Fitted({number: root(covariance) for number, covariance in COVARIANCES.items()})


def test_the_mean_noise_of_all_sessions():
    expected = root(np.array([[3.0, 0.0], [0.0, 4.0]]))
    np.testing.assert_allclose(mean_whitening(list(ONE.matrices.values())), expected, atol=1e-12)


def test_of_one_session_it_is_its_own():
    np.testing.assert_allclose(mean_whitening([ONE.matrices[1]]), ONE.matrices[1], atol=1e-12)


def test_channels_that_had_no_variance_are_left():
    w = np.eye(3)
    w[:2, :2] = ONE.matrices[1]
    found = mean_whitening([w, np.diag([1.0, 2.0, 0.5])])
    assert found[2].tolist() == [0, 0, 1]


def test_each_session_by_its_own_matrix(section, said):
    parts = [part("sub-01", 2), part("", 0, name="new.fif")]
    before = [each.epochs.copy() for each in parts]
    treat(parts, {"sub-01": ONE}, section, "model", said.append)
    np.testing.assert_allclose(parts[0].epochs, ONE.matrices[2] @ before[0], rtol=1e-5)
    np.testing.assert_allclose(parts[1].epochs, np.diag([3**-0.5, 0.5]) @ before[1], rtol=1e-5)
    assert len(said) == 1
    assert said[0].startswith("new.fif: a new session; whitened by the mean noise covariance of the model's 2 sessions")


def test_by_the_trials_themselves_session_by_session(section, said):
    parts = [part(session=1, n=40), part(session=1, n=40, seed=1), part(name="b", n=60, seed=2)]
    for each in parts:
        each.epochs[:, 0] *= 30
    treat(parts, {"sub-01": ONE}, section, "recording", said.append)
    assert [line.split(": ")[0] for line in said] == ["session 1", "b"]
    for group in (parts[:2], parts[2:]):
        deviations = np.concatenate([each.epochs for each in group]).std(axis=(0, 2))
        np.testing.assert_allclose(deviations, 1, atol=0.15)


def test_mean_and_scale_come_last(section):
    fitted = Fitted({}, np.array([1.0, 2.0]), np.array([2.0, 4.0]))
    given = part("sub-01", 1)
    before = given.epochs.copy()
    treat([given], {"sub-01": fitted}, section, "model", print)
    np.testing.assert_allclose(given.epochs, (before - [[1], [2]]) / np.array([[2], [4]]), rtol=1e-5)


def test_a_stranger_is_scaled_by_the_mean_of_everybody(section):
    people = {
        "a": Fitted({}, np.array([1.0, 2.0]), np.array([1.0, 1.0])),
        "b": Fitted({}, np.array([3.0, 4.0]), np.array([7.0, 1.0])),
    }
    given = part()
    before = given.epochs.copy()
    treat([given], people, section, "model", print)
    np.testing.assert_allclose(given.epochs, (before - [[2], [3]]) / np.array([[5], [1]]), rtol=1e-5)


def test_finished_trials_stay_as_they_are(section, said):
    given = part()
    finished = Part(given.epochs.copy(), given.frame, finished=True)
    treat([finished], {"sub-01": ONE}, section, "model", said.append)
    np.testing.assert_array_equal(finished.epochs, given.epochs)
    assert not said


def test_a_model_that_was_not_whitened_cannot_be_whitened_by_the_recording(section):
    with pytest.raises(InputError, match="--whitening is 'recording', but the model's trials were not whitened"):
        treat([part()], {"sub-01": Fitted()}, section, "recording", print)


def test_sessions_of_two_people_are_whitened_apart(section, said):
    parts = [part("sub-01", 1, n=60), part("sub-02", 1, n=60, seed=1, name="b")]
    parts[1].epochs[:, 0] *= 30
    treat(parts, {"sub-01": ONE, "sub-02": ONE}, section, "recording", said.append)
    assert [line.split(": ")[0] for line in said] == ["sub-01 session 1", "sub-02 session 1"]
    for each in parts:
        np.testing.assert_allclose(each.epochs.std(axis=(0, 2)), 1, atol=0.15)


def test_a_session_that_was_not_whitened_counts_as_new(section, said):
    given = part("sub-01", 3)
    before = given.epochs.copy()
    treat([given], {"sub-01": ONE}, section, "model", said.append)
    np.testing.assert_allclose(given.epochs, np.diag([3**-0.5, 0.5]) @ before, rtol=1e-5)
    assert "a new session" in said[0]


@pytest.mark.parametrize(("factor", "told"), [(1e6, True), (3.0, False), (1.0, False), (0.3, False), (1e-6, True)])
def test_another_unit_than_in_training_is_said(section, said, factor, told):
    given = part("sub-01", 1)
    given.epochs[:] = factor * np.linalg.inv(ONE.matrices[1]) @ given.epochs
    treat([given], {"sub-01": ONE}, section, "model", said.append)
    assert [line for line in said if "as strong as the recordings of the model's training" in line] == said
    assert bool(said) == told


def test_without_whitening_or_scaling_nothing_tells_the_unit(section, said):
    given = part("sub-01", 1)
    given.epochs[:] *= 1e6
    treat([given], {"sub-01": Fitted()}, section, "model", said.append)
    assert not said


def test_what_cannot_be_whitened_by_itself_says_what_to_do(section):
    section = section.model_copy(update={"whitening": section.whitening.model_copy(update={"covariance": "time"})})
    with pytest.raises(InputError, match=r"^a: no image was shown twice; take --whitening model$"):
        treat([part()], {"sub-01": ONE}, section, "recording", print)


def test_a_store_is_not_whitened_another_way_in_silence(section, said):
    finished = Part(part().epochs, part().frame, finished=True)
    treat([finished], {"sub-01": ONE}, section, "none", said.append)
    assert said == ["trials of an epochs store stay as they were preprocessed: --whitening none is not applied to them"]
