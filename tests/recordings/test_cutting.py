"""What the epochs of a run are: of a recording, and of trials that are cut already."""

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.cutting import epoch_blocks
from pipeline_lib.recordings.trials import planned_runs
from tests.recordings.made_runs import events_frame, made_cut_run, made_run

PLAIN = {"sfreq": None, "baseline": "none", "max_repeats": {"train": None, "test": None}}


def cut(run, table, params, picked):
    """Rate, epochs, and the events with what became of them."""
    ((_, events),) = planned_runs([run], table, params)
    events = events.copy()
    sfreq, blocks = epoch_blocks(run, events, picked, params)
    parts = list(blocks)
    return sfreq, np.concatenate([epochs for epochs, _ in parts]), np.concatenate([k for _, k in parts]), events


def noise(*shape):
    return np.random.default_rng(0).standard_normal(shape)


def test_epochs_are_those_of_the_recording(table, settings):
    data, onsets = noise(3, 5000), [700, 2100, 3500]
    run = made_run(events_frame(*((onset, 1, "train") for onset in onsets)), data)
    sfreq, epochs, kept, _ = cut(run, table, settings(**PLAIN), ["C", "A"])
    assert sfreq == 1000.0
    assert kept.all()
    np.testing.assert_allclose(epochs, [data[[2, 0], onset : onset + 1000] for onset in onsets], rtol=1e-6)


def test_events_beyond_the_recording_are_incomplete(table, settings):
    run = made_run(events_frame((100, 1, "train"), (700, 1, "train"), (4500, 1, "train")), noise(2, 5000))
    _, epochs, _, events = cut(run, table, settings(**PLAIN), ["A"])
    assert events["dropped"].tolist() == ["incomplete", "", "incomplete"]
    assert len(epochs) == 1


def test_a_recording_that_ends_before_its_first_event_is_named(table, settings):
    run = made_run(events_frame((70_000, 1, "train"), (90_000, 1, "train")), noise(1, 5000))
    with pytest.raises(
        InputError, match=r"ses-1\.npy: the recording lasts 5\.0 s, .* 2 trials \(70\.0 to 90\.0 s\).*cut off"
    ):
        cut(run, table, settings(**PLAIN), ["A"])
    only_targets = made_run(events_frame((70_000, 9, "target")), noise(1, 5000))
    ((_, events),) = planned_runs([only_targets], table, settings(**PLAIN))
    assert list(epoch_blocks(only_targets, events.copy(), ["A"], settings(**PLAIN))[1]) == []


def test_a_limit_in_microvolts_is_refused(table, settings):
    run = made_run(events_frame((1000, 1, "train")), noise(1, 5000))
    with pytest.raises(InputError, match=r"reject_peak_to_peak is 75, but .* volts or tesla.*; 75 µV is 75.0e-6"):
        cut(run, table, settings(**PLAIN, reject_peak_to_peak=75.0), ["A"])


def test_known_dropouts_become_the_channels_median(table, settings):
    data = noise(2, 5000)
    data[:, 1300:1500] = -50.0
    run = made_run(events_frame((1000, 1, "train")), data, dropouts=((1.3, 0.2),))
    _, patched, _, _ = cut(run, table, settings(**PLAIN), ["A", "B"])
    medians = np.median(data, axis=1)
    np.testing.assert_allclose(patched[0, :, 300:500], np.repeat(medians[:, None], 200, axis=1), rtol=1e-6)
    np.testing.assert_allclose(patched[0, :, :300], data[:, 1000:1300], rtol=1e-6)
    _, kept, _, _ = cut(run, table, settings(**PLAIN, dropouts="keep"), ["A", "B"])
    assert (kept[0, :, 300:500] == -50).all()
    assert (data[:, 1300:1500] == -50).all()  # the recording itself is not changed


def test_a_recording_is_decimated_with_onset_on_the_grid(table, settings):
    data = np.arange(6000.0)[None] * 1e-3 + noise(1, 6000)
    run = made_run(events_frame((1205, 1, "train")), data, sfreq=1200.0)
    params = settings(**PLAIN | {"sfreq": 200.0}, resampling="decimate", tmin=-0.1, tmax=1.3)
    sfreq, epochs, _, _ = cut(run, table, params, ["A"])
    assert sfreq == 200.0
    np.testing.assert_allclose(epochs[0, 0], data[0, 1205 : 1205 + 1200 : 6], rtol=1e-6)


def test_cut_trials_are_cropped_by_their_own_times(table, settings):
    trials = noise(4, 2, 120)  # -0.2 to 1 s at 100 Hz
    run = made_cut_run(events_frame((0, 1, "train"), (2, 2, "train"), (3, 1, "test")), trials, sfreq=100.0, tmin=-0.2)
    params = settings(**PLAIN, crop={"start": 0.0, "stop": 0.8})
    sfreq, epochs, _, _ = cut(run, table, params, ["B", "A"])
    assert sfreq == 100.0
    np.testing.assert_allclose(epochs, trials[[0, 2, 3]][:, [1, 0], 20:100], rtol=1e-6)


def test_cut_trials_that_end_too_early_say_what_they_span(table, settings):
    run = made_cut_run(events_frame((0, 1, "train")), noise(1, 2, 100), sfreq=100.0, tmin=-0.2)
    with pytest.raises(InputError, match=r"preprocess.crop is 0.0..1.0 s, but the trials span -0.2..0.8 s"):
        cut(run, table, settings(**PLAIN), ["A"])


def test_cut_trials_without_a_rate_are_taken_whole(table, settings):
    trials = noise(3, 2, 1)
    run = made_cut_run(events_frame(*((i, 1, "train") for i in range(3))), trials, sfreq=None, tmin=0.0)
    sfreq, epochs, _, _ = cut(run, table, settings(**PLAIN), ["A", "B"])
    assert sfreq is None
    np.testing.assert_allclose(epochs, trials, rtol=1e-6)


def test_cut_trials_beyond_the_limit_are_rejected_block_by_block(table, settings):
    trials = noise(200, 2, 120) * 1e-6
    trials[[3, 70, 199], 1, 60] = 90e-6
    run = made_cut_run(events_frame(*((i, 1, "train") for i in range(200))), trials, sfreq=100.0, tmin=-0.2)
    _, epochs, kept, _ = cut(run, table, settings(**PLAIN, reject_peak_to_peak=75e-6), ["A", "B"])
    assert np.flatnonzero(~kept).tolist() == [3, 70, 199]
    np.testing.assert_allclose(epochs, trials[kept][:, :, 20:], rtol=1e-6)


@pytest.mark.parametrize(("value", "message"), [(np.nan, "NaN or infinite values: B"), (2.0, "flat, .*: B")])
def test_a_spoiled_channel_of_cut_trials_is_named(table, settings, value, message):
    trials = noise(5, 2, 120)
    trials[:, 1] = value
    run = made_cut_run(events_frame(*((i, 1, "train") for i in range(5))), trials, sfreq=100.0, tmin=-0.2)
    with pytest.raises(InputError, match=rf"trials\.npy: channels .*{message}"):
        cut(run, table, settings(**PLAIN), ["A", "B"])
    cut(run, table, settings(**PLAIN), ["A"])  # the other channel alone is fine
