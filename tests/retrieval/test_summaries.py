"""What the figures over subjects and seeds promise."""

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.retrieval.metrics import MEASURES, retrieval_metrics
from pipeline_lib.retrieval.summaries import FROM_BRAIN, TO_BRAIN, Result, both_directions, summarise

OPTIONS = {"n_way": (2, 4, 50), "bootstrap": 50, "permutations": 50, "seed": 0}


def result(subject="sub-01", seed=0, *, hits=6, n_items=12):
    """`hits` of the images rank first, the others last."""
    found = np.arange(n_items) < hits
    similarity = np.where(np.eye(n_items, dtype=bool), np.where(found, 2.0, -1.0)[:, None], 0.0)
    return Result("intra", subject, seed, "image", FROM_BRAIN, similarity)


def noisy(subject, seed, n_items=12):
    rng = np.random.default_rng([seed, *map(ord, subject)])
    similarity = rng.normal(size=(n_items, n_items)) + np.eye(n_items)
    return Result("intra", subject, seed, "image", FROM_BRAIN, similarity)


def test_mean_and_deviation_by_hand():
    # seed 0: subjects at 6/12 and 12/12, mean 0.75; seed 1: 3/12 and 9/12, mean 0.5; sample deviation of (0.75, 0.5)
    hits = {(0, "a"): 6, (0, "b"): 12, (1, "a"): 3, (1, "b"): 9}
    summary = summarise([result(who, seed, hits=h) for (seed, who), h in hits.items()], **OPTIONS)
    assert summary["top1"] == pytest.approx(0.625)
    assert summary["sd"]["top1"] == pytest.approx(0.25 / 2**0.5)
    assert (summary["subjects"], summary["seeds"], summary["queries"], summary["gallery_size"]) == (2, 2, 12, 12)


def test_one_seed_has_no_deviation():
    assert summarise([result("a"), result("b")], **OPTIONS)["sd"] is None


def test_every_measure_is_the_mean_over_runs():
    runs = [noisy(who, seed) for seed in (0, 1, 2) for who in ("a", "b")]
    summary = summarise(runs, **OPTIONS)
    single = [retrieval_metrics(run.similarity, n_way=(2, 4)) for run in runs]
    for name in MEASURES:
        assert summary[name] == pytest.approx(np.mean([m.values[name] for m in single]))
        low, high = summary["interval"][name]
        assert low <= high
    assert summary["n_way"] == pytest.approx({str(n): np.mean([m.n_way[n] for m in single]) for n in (2, 4)})


def test_interval_holds_the_figure():
    summary = summarise([noisy(who, 0, n_items=60) for who in "abc"], **OPTIONS | {"bootstrap": 500})
    for name in ("top1", "top5", "mrr", "map"):
        low, high = summary["interval"][name]
        assert low < summary[name] < high


def test_order_of_runs_does_not_matter():
    runs = [noisy(who, seed) for seed in (0, 1) for who in ("a", "b", "c")]
    forward, backward = summarise(runs, **OPTIONS), summarise(runs[::-1], **OPTIONS)
    for name in MEASURES:
        assert forward[name] == pytest.approx(backward[name])
        assert forward["sd"][name] == pytest.approx(backward["sd"][name])
        assert forward["interval"][name] == pytest.approx(backward["interval"][name])
    assert forward["p"] == backward["p"]


def test_nothing_is_resampled_where_nothing_is_wanted():
    summary = summarise([result()], n_way=(), bootstrap=0, permutations=0, seed=0)
    assert summary["interval"] is None
    assert summary["p"] is None


def test_subjects_may_have_seen_different_numbers_of_images():
    summary = summarise([result("a"), result("b", n_items=10)], **OPTIONS)
    assert summary["queries"] == "10-12"
    assert summary["chance"]["top1"] == pytest.approx((1 / 12 + 1 / 10) / 2)


def test_seeds_need_the_same_subjects():
    with pytest.raises(ValueError, match="same subjects"):
        summarise([result("a", 0), result("b", 0), result("a", 1)], **OPTIONS)


def test_a_run_counts_once():
    with pytest.raises(ValueError, match="each once"):
        summarise([result("a", 0), result("a", 0)], **OPTIONS)


def test_one_test_image_is_too_few():
    with pytest.raises(InputError, match=r"subject 'a': gallery 'image' holds 1 item; .* at least 2 test images"):
        summarise([result("a", n_items=1)], **OPTIONS)


def test_the_other_direction_exchanges_queries_and_gallery():
    run = noisy("a", 0)
    same, exchanged = both_directions(run)
    assert same is run
    assert exchanged.direction == TO_BRAIN
    assert (exchanged.similarity == run.similarity.T).all()
    assert (exchanged.relevant == np.eye(12, dtype=bool)).all()


def test_items_that_match_no_query_ask_for_nothing():
    relevant = np.array([[True, False, False], [False, False, True]])
    run = Result("inter", "a", 0, "class-center", FROM_BRAIN, np.arange(6.0).reshape(2, 3), relevant)
    exchanged = both_directions(run)[1]
    assert exchanged.similarity.tolist() == [[0, 3], [2, 5]]
    assert exchanged.relevant.tolist() == [[True, False], [False, True]]
