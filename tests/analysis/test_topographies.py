"""Amplitudes by window and channel."""

import numpy as np
import pytest

from pipeline_lib.analysis.segments import map_rows, segments
from pipeline_lib.analysis.topographies import topographies
from tests.analysis.mapped_run import CHANNELS, N_TIMES, context_of, trained_run


def test_amplitude_is_the_rms_over_images_of_the_windows_mean(params, tmp_path):
    run, inputs = trained_run(tmp_path, params, epochs=1)
    table = topographies(run, context_of(inputs, params))
    means = run.store.means(test=True).epochs
    assert len(table) == 9 * len(CHANNELS)
    row = table[(table["ch_name"] == "C3") & (table["start"] == 0.2)].iloc[0]
    window = [np.mean(means[image, 5, 20:30], dtype=float) for image in range(len(means))]
    assert row["amplitude"] == pytest.approx(np.sqrt(np.mean(np.square(window))), rel=1e-5)
    assert row["stop"] == pytest.approx(0.3)
    assert row["x"] < 0
    assert set(table["unit"]) == {"as stored"}


def test_single_trials_as_queries_change_nothing(params, tmp_path):
    run, inputs = trained_run(tmp_path, params, epochs=1)
    expected = topographies(run, context_of(inputs, params))
    run.responses[:] = 0
    assert topographies(run, context_of(inputs, params)).equals(expected)


@pytest.mark.parametrize(("whitening", "unit"), [("own-training-trials", "noise sd"), ("none", "as stored")])
def test_the_unit_says_whether_noise_is_one(params, tmp_path, whitening, unit):
    run, inputs = trained_run(tmp_path, params, epochs=1, whitening=whitening)
    assert set(topographies(run, context_of(inputs, params))["unit"]) == {unit}


def test_without_time_axis_there_is_nothing(params, tmp_path):
    run, inputs = trained_run(tmp_path, params, epochs=1, sfreq=None)
    assert topographies(run, context_of(inputs, params)).empty


def test_windows_start_at_onset_and_follow_one_another(params, tmp_path):
    run, _ = trained_run(tmp_path, params, epochs=1, tmin=-0.2)
    found = segments(run.store, 0.1)
    assert [part.start for part in found] == pytest.approx(np.arange(-2, 7) / 10)
    covered = np.concatenate([np.arange(N_TIMES)[part.samples] for part in found])
    np.testing.assert_array_equal(covered, np.arange(N_TIMES))


def test_rows_keep_windows_and_channels_apart(params, tmp_path):
    run, _ = trained_run(tmp_path, params, epochs=1)
    parts = segments(run.store, 0.45)
    values = np.arange(2 * len(CHANNELS)).reshape(2, -1)
    table = map_rows(parts, CHANNELS, value=values)
    for row in table.itertuples():
        window = [part.start for part in parts].index(row.start)
        assert row.value == values[window, CHANNELS.index(row.ch_name)]
