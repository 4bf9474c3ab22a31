"""Top-k curves."""

import numpy as np
import pandas as pd
import pytest

from pipeline_lib.retrieval.metrics import chance_levels
from pipeline_lib.retrieval.summaries import FROM_BRAIN, Result, both_directions, summarise
from pipeline_lib.retrieval.top_k import MOST, write_top_k_rows


def results(n_items=60, repeats=1):
    rng = np.random.default_rng(0)
    relevant = np.tile(np.eye(n_items, dtype=bool), (repeats, 1))
    runs = [
        Result("intra", who, seed, "image", FROM_BRAIN, rng.normal(size=relevant.shape) + 2 * relevant, relevant)
        for who in ("a", "b")
        for seed in (0, 1)
    ]
    return [one for run in runs for one in both_directions(run)]


def curves(path, found):
    write_top_k_rows(found, path)
    return pd.read_csv(path)


@pytest.mark.parametrize("repeats", [1, 3])
def test_the_curve_passes_through_the_reported_figures(tmp_path, repeats):
    found = results(repeats=repeats)
    table = curves(tmp_path / "top_k.csv", found)
    assert list(table) == ["protocol", "gallery", "direction", "k", "accuracy", "chance"]
    for direction, part in table.groupby("direction"):
        assert part["k"].tolist() == list(range(1, MOST + 1))
        assert part["accuracy"].is_monotonic_increasing
        runs = [run for run in found if run.direction == direction]
        summary = summarise(runs, n_way=(), bootstrap=0, permutations=0, seed=0)
        for k in (1, 5, 10):
            row = part[part["k"] == k].iloc[0]
            assert row["accuracy"] == pytest.approx(summary[f"top{k}"], abs=1e-6)
            assert row["chance"] == pytest.approx(summary["chance"][f"top{k}"], abs=1e-6)


def test_it_ends_where_the_gallery_ends(tmp_path):
    table = curves(tmp_path / "top_k.csv", results(n_items=7))
    assert table.groupby("direction")["k"].max().tolist() == [7, 7]
    assert table.loc[table["k"] == 7, ["accuracy", "chance"]].eq(1).all(axis=None)


def test_chance_with_several_matches():
    # 2 of 4 items match: the first rank holds one in 2/4, the first two miss both in 2/4 * 1/3
    levels = chance_levels(np.array([2, 2]), 4)
    assert levels["top1"] == 0.5
    assert levels["mrr"] == pytest.approx(1 / 2 + (1 / 2) * (2 / 3) / 2 + (1 / 6) / 3)
