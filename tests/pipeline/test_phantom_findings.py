"""The analyses of the phantom study find what was put in; read from the outputs of `make repro`, where they are there.

Put in (:mod:`pipeline_lib.phantom.sources`): a response at about 0.10 s over the occiput, one at 0.17 s over lateral
occipital and parietal sensors, and one at 0.35 s over the temporal lobe, of 65 ms width, that ends before 0.6 s.
"""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from pipeline_lib.analysis.masking import accuracy, masked, mean_response
from pipeline_lib.analysis.sensor_groups import region_of
from pipeline_lib.common.stimulus_table import read_stimulus_table
from pipeline_lib.retrieval.opened_runs import Declared, Inputs, opened_runs

PROTOCOLS = ("intra", "inter")
FIRST_RESPONSE = 0.06  # seconds; until then the first wave has hardly begun
N_RUNS, N_QUERIES = 6, 60
RARELY = 1e-3


@pytest.fixture(scope="module")
def findings(project_root, shipped_params):
    """The tables of the whole phantom study by name."""
    analyses, metrics = project_root / "metrics" / "analysis", project_root / "metrics" / "retrieval.json"
    if not (analyses / "similarity.csv").is_file() or not metrics.is_file():
        pytest.skip("metrics/analysis is not there; 'make repro' makes it")
    study = json.loads(metrics.read_text(encoding="utf-8"))["about"][0]
    if shipped_params["study"]["name"] != "phantom" or not study.startswith("phantom study"):
        pytest.skip(f"metrics are of another study: {study}")
    tables = {path.stem: pd.read_csv(path, keep_default_na=False, na_values=[""]) for path in analyses.glob("*.csv")}
    runs = tables["concepts"].groupby(["protocol", "subject", "seed"])["queries"].sum()
    if len(runs) != N_RUNS or set(runs) != {N_QUERIES}:
        pytest.skip("metrics are of a phantom with other parameters than those shipped")
    return tables | {"curves": pd.read_csv(project_root / "metrics" / "plots" / "curves.csv")}


@pytest.fixture(scope="module")
def runs(findings, project_root, shipped_params):
    """The trained models with their test data, one after the other."""
    data = project_root / "data"
    features = data / "features" / f"{shipped_params['features']['model']}.h5"
    if not all(path.exists() for path in (data / "runs", data / "epochs", features, data / "stimuli.csv")):
        pytest.skip("data/runs, data/epochs or features are not there; 'make repro' makes them")
    inputs = Inputs(data / "runs", data / "epochs", features, read_stimulus_table(data / "stimuli.csv"))
    names = shipped_params["subjects"], shipped_params["held_out"], [str(seed) for seed in shipped_params["seeds"]]
    return opened_runs(inputs, Declared(*names), shipped_params["evaluate"]["repeats"])


def windows(findings, protocol, kind):
    """Mean top-1 accuracy over runs, by the window's start (growing: its stop) in tenths of a second."""
    table = findings["time_windows"]
    of_kind = table[(table["protocol"] == protocol) & (table["kind"] == kind)]
    edge = of_kind["stop" if kind == "growing" else "start"]
    return of_kind["top1"].groupby((10 * edge).round().astype(int)).mean()


def lost(table, protocol, measure):
    """Mean accuracy that is lost without each region, in points."""
    means = table[table["protocol"] == protocol].groupby(["kind", "region"], dropna=False)[measure].mean()
    return 100 * (means["all"].item() - means["without"])


def by_run(table, column, values):
    """Sums of a run's column by another one, as shares of the run's sum: a row for each run."""
    sums = table.groupby(["protocol", "subject", column])[values].sum().unstack()
    return sums.div(sums.sum(axis=1), axis=0)


def most_by_chance(chance):
    """The accuracy over a protocol's queries that guessing exceeds once in a thousand times only."""
    n_queries = N_QUERIES * N_RUNS // len(PROTOCOLS)
    return binom.ppf(1 - RARELY, n_queries, chance) / n_queries


def test_before_the_first_response_accuracy_is_at_chance(runs):
    found = []
    for run in runs:
        early = run.card.tmin + np.arange(run.card.shapes.n_times) / run.card.sfreq < FIRST_RESPONSE
        found.append((run.protocol, accuracy(run, masked(run.responses, early, mean_response(run.store)), "image")))
    for protocol in PROTOCOLS:
        of_protocol = [scores for name, scores in found if name == protocol]
        for k in (1, 5):
            mean = np.mean([scores[f"top{k}"] for scores in of_protocol])
            assert mean <= most_by_chance(of_protocol[0][f"chance{k}"]), (protocol, k)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_growing_window_rises_until_the_last_response_is_over(findings, protocol):
    growing = windows(findings, protocol, "growing")
    assert growing[1] < 0.3 * growing.max()
    assert growing[1:4].is_monotonic_increasing
    assert growing[5] > 0.9 * growing.max()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_sliding_windows_are_best_at_a_simulated_latency_and_at_chance_after_the_last(findings, protocol):
    sliding = windows(findings, protocol, "sliding")
    assert sliding.idxmax() in (1, 3)
    chance = findings["time_windows"]["chance1"].iloc[0]
    assert sliding.max() > 2 * most_by_chance(chance)
    assert (sliding[sliding.index >= 6] <= most_by_chance(chance)).all()


def test_with_a_persons_own_model_both_latencies_are_peaks(findings):
    sliding = windows(findings, "intra", "sliding")
    assert set(sliding.nlargest(2).index) == {1, 3}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_early_on_the_occiput_costs_most(findings, protocol):
    # By top-5: by top-1 so short a part of the response finds 3 to 8 % of the images, and there is little to lose.
    cost = lost(findings["early_regions"], protocol, "top5")
    assert cost.idxmax() == "occipital"
    assert cost["occipital"] > 2 * cost.drop("occipital").max()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_of_the_whole_epoch_the_regions_with_sources_cost_and_others_do_not(findings, protocol):
    cost = lost(findings["regions"], protocol, "top1")
    assert cost[["occipital", "parietal", "temporal"]].min() > 3
    assert cost[["central", "frontal"]].max() < 1


def test_contributions_are_posterior_and_at_the_simulated_times(findings):
    table = findings["attribution"]
    regions = by_run(table.assign(region=table["ch_name"].map(region_of)), "region", "contribution")
    times = by_run(table.assign(tenth=(10 * table["start"]).round().astype(int)), "tenth", "contribution")
    assert len(regions) == len(times) == N_RUNS
    assert (regions["occipital"] + regions["parietal"] > 0.4).all()
    assert (regions["central"] + regions["frontal"] < 0.15).all()
    assert (times[[1, 2, 3, 4]].sum(axis=1) > 0.85).all()
    assert (times[[6, 7, 8, 9]].sum(axis=1).abs() < 0.15).all()


def test_aligned_embeddings_know_the_concepts_attributes_better_than_responses_do(findings):
    table = findings["similarity"]
    brain = table[(table["space"] == "brain") & (table["compared_with"] == "all categories")]
    agreement = brain.pivot(index=["protocol", "subject", "seed"], columns="stage", values="rho")
    assert len(agreement) == N_RUNS
    assert (agreement["after"] > agreement["before"]).all()
    assert (brain["p"] < 0.01).all()


def test_the_weights_of_the_objectives_add_up_to_one(findings):
    curves = findings["curves"]
    weights = curves[[name for name in curves if name.startswith("weight_")]]
    assert weights.shape[1] == 3
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
