"""Leaving out the informative channels costs everything, any others nothing."""

from dataclasses import replace

import pytest

from pipeline_lib.analysis.regions import COLUMNS, early_regions, regions
from pipeline_lib.common.errors import InputError
from tests.analysis.conftest import CH_NAMES

COUNTS = {"occipital": 5, "parietal": 2, "temporal": 1, "central": 1, "frontal": 2}


def test_only_the_informative_region_matters(analysed):
    for run in analysed.runs():
        table = regions(run, analysed.context())
        assert tuple(table.columns) == COLUMNS
        found = table.set_index(["kind", "region"])["top1"]
        assert found["all", ""] >= 0.6
        assert found["only", "occipital"] >= 0.6
        assert found["without", "occipital"] <= 0.35
        for region in ("parietal", "temporal", "central", "frontal"):
            assert found["without", region] >= 0.6
            assert found["only", region] <= 0.35


def test_channels_are_counted_and_those_of_no_region_are_never_left_out(analysed):
    counts = regions(analysed.run(), analysed.context()).set_index(["kind", "region"])["n_channels"]
    assert counts["all", ""] == len(CH_NAMES)
    assert counts["only"].to_dict() == COUNTS
    assert counts["without"].to_dict() == {region: len(CH_NAMES) - count for region, count in COUNTS.items()}


def test_all_channels_in_one_region_leave_exactly_chance(analysed):
    run = analysed.run()
    run = replace(run, card=replace(run.card, ch_names=[f"P{1 + i % 8}" for i in range(len(CH_NAMES))]))
    table = regions(run, analysed.context()).set_index("kind")
    assert table.index.tolist() == ["all", "without", "only"]
    assert table.loc["without", "top1"] == pytest.approx(0.1)
    assert table.loc["only", "top1"] == table.loc["all", "top1"]


def test_names_that_tell_no_place_give_no_rows(analysed):
    run = analysed.run()
    run = replace(run, card=replace(run.card, ch_names=[f"unit{i}" for i in range(len(CH_NAMES))]))
    table = regions(run, analysed.context())
    assert not len(table)
    assert tuple(table.columns) == COLUMNS


def test_the_first_part_of_an_epoch_alone(analysed):
    run = analysed.run()
    before = early_regions(run, analysed.context(regions={"early": 0.2})).set_index(["kind", "region"])["top1"]
    assert (before <= 0.35).all()  # what was seen shows from 0.2 s on
    with_it = early_regions(run, analysed.context(regions={"early": 0.3})).set_index(["kind", "region"])["top1"]
    assert with_it["all", ""] >= 0.6
    assert with_it["without", "occipital"] <= 0.35
    assert with_it["without", "parietal"] >= 0.6


def test_no_first_part_gives_no_rows(analysed):
    run = analysed.run()
    timeless = replace(run, card=replace(run.card, sfreq=None))
    for found in (
        early_regions(run, analysed.context(regions={"early": None})),
        early_regions(timeless, analysed.context(regions={"early": 0.2})),
    ):
        assert not len(found)
        assert tuple(found.columns) == COLUMNS


def test_a_first_part_before_the_epoch_is_refused(analysed):
    run = analysed.run()
    late = replace(run, card=replace(run.card, tmin=0.3))
    with pytest.raises(InputError, match=r"analysis.regions.early is 0.2.*more than 0.3 s"):
        early_regions(late, analysed.context(regions={"early": 0.2}))
