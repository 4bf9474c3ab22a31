"""What the evoked part of a recording promises."""

import numpy as np
import pytest

from pipeline_lib.phantom.design import TARGET_CODE, event_onsets, recording_length
from pipeline_lib.phantom.electrodes import CHANNELS
from pipeline_lib.phantom.evoked import CHUNK, evoked_recording, time_courses
from pipeline_lib.phantom.modality import MODALITIES
from pipeline_lib.phantom.person import make_person
from pipeline_lib.phantom.sources import WAVES, Dipoles

N_PICTURES = 6


@pytest.fixture(scope="module")
def responses():
    return make_person(2026, 1, MODALITIES["eeg"]).responses


@pytest.fixture(scope="module")
def drives():
    rng = np.random.default_rng(0)
    return {wave.name: rng.normal(size=(N_PICTURES, wave.n_dipoles)) for wave in WAVES}


@pytest.fixture(scope="module")
def average(responses, drives):
    """The response to an average picture alone, at 1000 Hz."""
    silent = {name: np.zeros_like(drive) for name, drive in drives.items()}
    return evoked_recording(responses, silent, np.array([1]), np.array([0]), 900, 1000.0)


@pytest.fixture(scope="module")
def differences(responses, drives):
    """Standard deviation over pictures of the response to one alone, shape (63, 900)."""
    codes, onsets = np.arange(1, N_PICTURES + 1), 1000 * np.arange(N_PICTURES)
    recording = evoked_recording(responses, drives, codes, onsets, 1000 * N_PICTURES, 1000.0)
    return recording.reshape(63, N_PICTURES, 1000).std(axis=1)[:, :900]


def channels(*names):
    return [CHANNELS.index(name) for name in names]


OCCIPITAL, TEMPORAL = ("O1", "Oz", "O2", "POz"), ("T7", "T8", "TP7", "TP8")


def test_a_time_course_peaks_with_one_at_its_latency():
    dipoles = Dipoles(np.zeros((2, 3)), np.zeros((2, 3)), np.ones(2), np.array([0.1, 0.35]), np.array([0.02, 0.06]))
    courses = time_courses(dipoles, 1000.0)
    assert courses.argmax(axis=1).tolist() == [100, 350]
    assert courses.max(axis=1) == pytest.approx(1)
    assert courses[:, 0].tolist() == [0, 0]
    assert courses[:, -1] == pytest.approx(0, abs=1e-3)
    # (0.5 e^0.5)^25 by hand, halfway to the first latency.
    assert courses[0, 50] == pytest.approx(0.5**25 * np.exp(12.5))


def test_the_occiput_answers_first_and_the_temporal_lobe_late(average):
    occipital, temporal = average[channels(*OCCIPITAL)].mean(axis=0), average[channels(*TEMPORAL)].mean(axis=0)
    assert occipital.argmax() == pytest.approx(100, abs=20)
    assert 300 < temporal.argmax() < 400
    assert 2e-6 < occipital.max() < 15e-6


def test_pictures_differ_at_the_occiput_early_and_at_temporal_sites_late(differences):
    occipital, temporal = differences[channels(*OCCIPITAL)].mean(axis=0), differences[channels(*TEMPORAL)].mean(axis=0)
    assert occipital.argmax() == pytest.approx(100, abs=20)
    assert 300 < temporal[250:].argmax() + 250 < 400
    assert temporal[350] > 2 * occipital[350]


def test_the_early_response_is_posterior(average, differences):
    front = channels("Fp1", "Fp2", "AF3", "AF4", "F1", "F2", "F3", "F4")
    back = channels("PO7", "PO3", "POz", "PO4", "PO8", "O1", "Oz", "O2")
    for response in (np.abs(average), differences):
        assert response[back, 100].mean() > 5 * response[front, 100].mean()


def test_responses_that_overlap_add_up(responses, drives):
    def recorded(codes, onsets):
        return evoked_recording(responses, drives, np.array(codes), np.array(onsets), 1500, 1000.0)

    together = recorded([2, 5], [100, 300])
    assert np.allclose(together, recorded([2], [100]) + recorded([5], [300]), rtol=0, atol=1e-15)
    assert not together[:, :101].any()


def test_any_number_of_events(responses, drives):
    codes = np.random.default_rng(1).integers(1, N_PICTURES + 1, CHUNK + 3)
    onsets = event_onsets(len(codes))
    n_samples = recording_length(onsets)
    whole = evoked_recording(responses, drives, codes, onsets, n_samples, 1000.0)
    halves = [
        evoked_recording(responses, drives, codes[part], onsets[part], n_samples, 1000.0)
        for part in (slice(20), slice(20, None))
    ]
    assert np.allclose(whole, sum(halves), rtol=0, atol=1e-15)


def test_a_target_is_no_picture(responses, drives):
    def recorded(code, drives):
        return evoked_recording(responses, drives, np.array([code]), np.array([0]), 900, 1000.0)

    silent = {name: np.zeros_like(drive) for name, drive in drives.items()}
    assert np.array_equal(recorded(TARGET_CODE, drives), recorded(TARGET_CODE, silent))
    assert np.abs(recorded(TARGET_CODE, drives) - recorded(1, drives)).max() > 1e-6


def test_drive_is_what_makes_pictures_differ(responses, drives):
    doubled = {name: 2 * drive for name, drive in drives.items()}
    silent = {name: 0 * drive for name, drive in drives.items()}
    once, twice, common = (
        evoked_recording(responses, each, np.array([3]), np.array([0]), 900, 1000.0)
        for each in (drives, doubled, silent)
    )
    assert np.allclose(twice - common, 2 * (once - common), rtol=0, atol=1e-15)
