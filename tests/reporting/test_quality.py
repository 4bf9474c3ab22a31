"""Quality of the recordings, from the files of stage preprocess."""

import json

import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.reporting import quality
from tests.reporting.made_tables import channels
from tests.reporting.made_tables import quality as made


@pytest.fixture
def folder(tmp_path):
    for subject in ("sub-01", "sub-02", "left-over"):
        (tmp_path / f"{subject}.quality.json").write_text(json.dumps(made(subject)))
        channels().to_csv(tmp_path / f"{subject}.quality.csv", index=False)
    return tmp_path


def test_exactly_the_subjects_that_are_used_are_read(folder):
    assert [found["subject"] for found in quality.read_quality(folder, ["sub-02", "sub-01"])] == ["sub-02", "sub-01"]
    table = quality.read_channels(folder, ["sub-02"])
    assert set(table["subject"]) == {"sub-02"}
    assert len(table) == 6


def test_events_by_what_became_of_them():
    table = quality.events_table([made(), made("sub-02", trials={"kept": {"train": 7}, "dropped": {}})])
    assert table.to_dict("records") == [
        {"subject": "sub-01", "fate": "kept, train", "events": 80},
        {"subject": "sub-01", "fate": "kept, test", "events": 20},
        {"subject": "sub-01", "fate": "dropped, target", "events": 5},
        {"subject": "sub-02", "fate": "kept, train", "events": 7},
    ]


def test_bars_are_stacked_to_the_number_of_events():
    figure = quality.draw_events(quality.events_table([made(), made("sub-02", trials={"kept": {"train": 7}})]))
    tops = {}
    for bar in figure.axes[0].patches:
        place = round(bar.get_x() + bar.get_width() / 2)
        tops[place] = max(tops.get(place, 0), bar.get_y() + bar.get_height())
    assert tops == {0: 105, 1: 7}


def test_signal_by_session_and_partition():
    table = quality.signal_table([made()])
    condition = table[table["measure"] == "condition"]
    assert dict(zip(condition["of"], condition["value"], strict=True)) == {"session 1": 1200, "session 2": 1100}
    ceiling = table[table["measure"] == "noise_ceiling"]
    assert dict(zip(ceiling["of"], ceiling["value"], strict=True)) == {"train, whitened": 0.3, "test, whitened": 0.3}


def test_what_the_trials_cannot_tell_is_left_out():
    nothing = {"evoked_snr": None, "noise_ceiling": None}
    table = quality.signal_table([made(condition={}, responses={"stored": {"test": nothing}})])
    assert table.empty
    without = quality.signal_table([made(condition={})])
    figure = quality.draw_signal(without)
    assert [axes.get_title() for axes in figure.axes] == [
        quality.MEASURES[m][0] for m in ("evoked_snr", "noise_ceiling")
    ]


def test_channels_that_are_flat_have_no_z():
    table = channels().assign(subject="sub-01")
    table.loc[0, "robust_z"] = float("nan")
    quality.draw_channels(table).draw_without_rendering()


def test_the_overview_names_bad_channels_and_reasons():
    (row,) = quality.overview([made(trials={"kept": {"test": 3}, "dropped": {"target": 5, "late": 1}})]).to_dict(
        "records"
    )
    assert row["dropped"] == "5 target, 1 late"
    assert (row["flat channels"], row["noisy channels"], row["test trials"]) == ("none", "Oz", 3)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"subject": 1}'])
def test_refuses_what_is_no_quality_file(folder, content):
    (folder / "sub-01.quality.json").write_text(content)
    with pytest.raises(InputError, match=r"sub-01.quality.json: .*dvc repro"):
        quality.read_quality(folder, ["sub-01"])


def test_says_how_to_get_what_is_missing(tmp_path):
    for read in (quality.read_quality, quality.read_channels):
        with pytest.raises(InputError, match="no such file; 'dvc repro preprocess' makes it"):
            read(tmp_path, ["sub-01"])
