"""What the report on a recording's quality promises."""

import csv
import json

import numpy as np
import pytest

from pipeline_lib.recordings.quality import Quality, robust_z_scores, write_quality
from pipeline_lib.recordings.responses import ResponseQuality


def response(snr, correlation):
    """Of two channels and two samples, the first before onset."""
    maps = [np.array([[9.0, value] for value in values]) for values in (snr, correlation)]
    return ResponseQuality({4: 10}, np.array([-0.1, 0.2]), *maps)


@pytest.fixture
def quality():
    return Quality(
        subject="sub-01",
        recordings="data/raw/study/sub-01",
        ch_names=["Oz", "Pz"],
        trials={"kept": {"train": 40, "test": 40}, "dropped": {"target": 3}},
        deviations=np.array([1.23456789e-5, 0.0]),
        conditions={1: 123456.789, 2: 50.0},
        responses={
            "whitened": {"train": response([0.1, np.nan], [0.5, np.nan]), "test": response([0.1, 0.2], [0.5, -0.5])}
        },
    )


def test_json_says_what_was_measured(quality):
    report = quality.to_json()
    assert report["trials"] == {"kept": {"train": 40, "test": 40}, "dropped": {"target": 3}}
    assert report["repeats"] == {"train": {"4": 10}, "test": {"4": 10}}
    assert report["flat_channels"] == ["Pz"]
    assert report["noisy_channels"] == []
    assert report["condition"] == {"1": 123460.0, "2": 50.0}
    assert report["responses"]["whitened"]["train"] == {
        "images": 10,
        "trials": 40,
        "evoked_snr": 0.1,
        "peak_time": -0.1,
        "split_half": 0.5,
        "reliability": 0.66667,
        "noise_ceiling": 0.8165,
    }


def test_a_row_for_each_channel(quality):
    oz, pz = quality.channel_rows()
    assert oz["channel"] == "Oz"
    assert oz["deviation"] == 1.2346e-5
    assert (oz["flat"], pz["flat"]) == (False, True)
    assert oz["whitened_train_snr"] == 0.1
    assert pz["whitened_train_snr"] is None
    assert (pz["whitened_test_reliability"], pz["whitened_test_noise_ceiling"]) == (-0.66667, 0.0)


def test_files_hold_the_report_and_its_table(quality, tmp_path):
    paths = tmp_path / "new" / "sub-01.quality.json", tmp_path / "new" / "sub-01.quality.csv"
    write_quality(*paths, quality)
    report = json.loads(paths[0].read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert report == quality.to_json()
    with paths[1].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["channel"] for row in rows] == ["Oz", "Pz"]
    assert rows[1]["whitened_train_snr"] == ""
    first = [path.read_bytes() for path in paths]
    write_quality(*paths, quality)
    assert [path.read_bytes() for path in paths] == first
    assert len(list((tmp_path / "new").iterdir())) == 2


def test_nothing_measured_is_a_report_too(tmp_path):
    empty = Quality("sub-01", "study/sub-01", ["Oz"], {"kept": {}, "dropped": {}}, np.array([1.0]), {}, {})
    write_quality(tmp_path / "a.json", tmp_path / "a.csv", empty)
    assert json.loads((tmp_path / "a.json").read_text())["responses"] == {}


def test_robust_z_scores_by_hand():
    # Logarithms 0, 1, 2, 3, 9: median 2, distances 2, 1, 0, 1, 7 with median 1.
    z = robust_z_scores(np.exp([0.0, 1, 2, 3, 9]))
    np.testing.assert_allclose(z * 1.4826, [-2, -1, 0, 1, 7])


def test_only_channels_far_above_the_others_are_noisy():
    rng = np.random.default_rng(0)
    deviations = np.exp(rng.normal(-11, 0.3, size=60))
    deviations[7] = deviations.max() * 20
    deviations[8] = deviations.min() / 20  # far below is not noisy
    deviations[9] = 0
    names = [f"EEG {number}" for number in range(60)]
    quality = Quality("sub-01", "study/sub-01", names, {}, deviations, {}, {})
    assert quality.noisy == ["EEG 7"]
    assert quality.flat == ["EEG 9"]


@pytest.mark.parametrize("deviations", [[], [0.0, 0.0], [1.0, 1.0, 1.0], [2.0]])
def test_channels_that_are_all_alike_have_no_scores(deviations):
    assert np.isnan(robust_z_scores(np.array(deviations))).all()
