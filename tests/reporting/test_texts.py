"""Tables of the report: accuracies, captions, settings."""

import pandas as pd
import pytest

from pipeline_lib.captioning.table import caption_table
from pipeline_lib.reporting.texts import captions_sample, metrics_rows, settings_rows

MEASURES = ("top1", "top5", "top10", "mrr", "map", "median_rank")
DETAIL = {
    "protocol": "intra",
    "gallery": "image",
    "direction": "from-brain",
    "queries": 60,
    "gallery_size": 60,
    "subjects": 3,
    "seeds": 5,
    **dict.fromkeys(MEASURES, 0.5),
    "sd": dict.fromkeys(MEASURES, 0.02),
    "interval": {name: [0.4, 0.625] for name in MEASURES},
    "chance": dict.fromkeys(MEASURES, 0.1),
    "n_way": {},
    "p": 0.000999,
}


def test_accuracies_have_spread_interval_chance_and_p():
    (row,) = metrics_rows([DETAIL]).to_dict("records")
    assert row["top-1 %"] == "50.0 ± 2.0\n[40.0,\N{NO-BREAK SPACE}62.5]"
    assert row["MRR"] == "0.5\n[0.4,\N{NO-BREAK SPACE}0.625]"
    assert row["chance %"] == "10.0 · 10.0 · 10.0"
    assert row["p"] == "0.001"
    assert row["runs"] == "3 subjects × 5 seeds"


def test_what_was_not_computed_is_not_shown():
    (row,) = metrics_rows([DETAIL | {"sd": None, "interval": None, "p": None}]).to_dict("records")
    assert (row["top-1 %"], row["p"]) == ("50.0", "")


@pytest.mark.parametrize(("count", "shown"), [(0, []), (1, [0]), (3, [0, 4, 9]), (50, list(range(10)))])
def test_captions_are_spread_over_the_table(count, shown):
    table = caption_table([str(i) for i in range(10)], [f"text {i}" for i in range(10)], source="blip2")
    sample = captions_sample(table, count)
    assert sample["image_id"].tolist() == [str(i) for i in shown]
    assert sample["caption"].tolist() == [f"text {i}" for i in shown]


def test_every_setting_is_a_row():
    settings = {"a": {"b": None, "c": {"d": True}}, "e": [1, "x", None], "f": [], "g": {}, 1: "1e-3", "h": ""}
    found = settings_rows(settings)
    expected = {"a.b": "null", "a.c.d": "true", "e": "1, x, null", "f": "[]", "g": "{}", "1": "1e-3", "h": ""}
    assert dict(zip(found["parameter"], found["value"], strict=True)) == expected


def test_all_of_the_shipped_parameters_are_shown(shipped_params):
    found = settings_rows(shipped_params)
    assert {name.split(".")[0] for name in found["parameter"]} == set(shipped_params)
    assert isinstance(found, pd.DataFrame)
