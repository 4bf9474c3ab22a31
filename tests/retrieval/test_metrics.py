"""What the retrieval metrics promise."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.retrieval.metrics import (
    MEASURES,
    chance_levels,
    cosine_similarity,
    n_way_accuracy,
    rank_queries,
    ranks,
    retrieval_metrics,
)


def random_similarity(n_queries, n_gallery, seed, *, levels=None):
    """Similarities, on a few `levels` only where ties are wanted."""
    rng = np.random.default_rng(seed)
    if levels:
        return rng.integers(levels, size=(n_queries, n_gallery)).astype(float)
    return rng.normal(size=(n_queries, n_gallery))


def random_relevance(n_queries, n_gallery, seed):
    rng = np.random.default_rng(seed)
    relevant = rng.random((n_queries, n_gallery)) < 0.3
    relevant[np.arange(n_queries), rng.integers(n_gallery, size=n_queries)] = True
    return relevant


def plain_order(row, matches):
    """Gallery items, most similar first; among equals those that match come last."""
    return sorted(range(len(row)), key=lambda item: (-row[item], bool(matches[item])))


def plain_precision(row, matches):
    """The definition: precision at every matching item, averaged over them."""
    found, precisions = 0, []
    for place, item in enumerate(plain_order(row, matches), start=1):
        if matches[item]:
            found += 1
            precisions.append(found / place)
    return sum(precisions) / len(precisions)


def plain_rank(row, matches):
    return next(place for place, item in enumerate(plain_order(row, matches), start=1) if matches[item])


shapes = st.tuples(st.integers(1, 7), st.integers(2, 9), st.integers(0, 10_000), st.sampled_from([None, 2, 4]))


@settings(deadline=None)
@given(shapes)
def test_ranks_and_precision_equal_a_plain_sort(case):
    n_queries, n_gallery, seed, levels = case
    similarity = random_similarity(n_queries, n_gallery, seed, levels=levels)
    relevant = random_relevance(n_queries, n_gallery, seed + 1)
    ranking = rank_queries(similarity, relevant)
    rows = list(zip(similarity.tolist(), relevant.tolist(), strict=True))
    assert ranking.best_rank.tolist() == [plain_rank(*row) for row in rows]
    assert ranking.average_precision == pytest.approx([plain_precision(*row) for row in rows], rel=1e-12)


def test_by_hand():
    similarity = np.array([[0.9, 0.1, 0.2], [0.8, 0.5, 0.4], [0.3, 0.2, 0.1]])
    assert ranks(similarity).tolist() == [1, 2, 3]
    found = retrieval_metrics(similarity, n_way=(2, 3))
    assert found.values["top1"] == pytest.approx(1 / 3)
    assert found.values["top5"] == 1
    assert found.values["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert found.values["median_rank"] == 2
    # two candidates: the first query always wins, the second against one of two others, the third never
    assert found.n_way == pytest.approx({2: (1 + 0.5 + 0) / 3, 3: 1 / 3})


def test_average_precision_by_hand():
    # matches at ranks 1, 3 and 4: (1/1 + 2/3 + 3/4) / 3
    similarity = np.array([[0.9, 0.7, 0.8, 0.6, 0.1]])
    relevant = np.array([[True, True, False, True, False]])
    assert rank_queries(similarity, relevant).average_precision == pytest.approx([(1 + 2 / 3 + 3 / 4) / 3])


@settings(deadline=None)
@given(st.integers(2, 12), st.integers(0, 10_000))
def test_average_precision_is_reciprocal_rank_with_one_match(n_items, seed):
    values = retrieval_metrics(random_similarity(n_items, n_items, seed, levels=3)).values
    assert values["map"] == pytest.approx(values["mrr"], rel=1e-12)


def test_perfect_match():
    values = retrieval_metrics(np.eye(12), n_way=(2, 10)).values
    assert values == {"top1": 1, "top5": 1, "top10": 1, "mrr": 1, "map": 1, "median_rank": 1}


def test_worst_match():
    values = retrieval_metrics(1 - np.eye(12), n_way=(2, 12))
    assert values.values == pytest.approx(
        {"top1": 0, "top5": 0, "top10": 0, "mrr": 1 / 12, "map": 1 / 12, "median_rank": 12}
    )
    assert values.n_way == {2: 0, 12: 0}


def test_the_same_embedding_for_everything_finds_nothing():
    same = np.ones((40, 1)) * np.random.default_rng(0).normal(size=(1, 17))
    found = retrieval_metrics(cosine_similarity(same, same), n_way=(2,))
    assert found.values["top10"] == 0
    assert found.values["median_rank"] == 40
    assert found.n_way == {2: 0}


def test_equal_rows_tie_whatever_the_matrix_product_does():
    rng = np.random.default_rng(1)
    for n_items, dim in ((37, 301), (143, 513), (200, 1024)):
        gallery = np.repeat(rng.normal(size=(1, dim)), n_items, axis=0)
        similarity = cosine_similarity(rng.normal(size=(n_items, dim)), gallery)
        assert (similarity == similarity[:, :1]).all()


@settings(deadline=None)
@given(st.integers(2, 12), st.integers(0, 10_000))
def test_order_of_gallery_and_queries_does_not_matter(n_items, seed):
    similarity = random_similarity(n_items, n_items, seed, levels=4)
    rng = np.random.default_rng(seed)
    queries, gallery = rng.permutation(n_items), rng.permutation(n_items)
    shuffled = retrieval_metrics(similarity[queries][:, gallery], np.eye(n_items, dtype=bool)[queries][:, gallery])
    assert shuffled.values == pytest.approx(retrieval_metrics(similarity).values, rel=1e-12)


def test_a_rising_function_of_the_similarities_changes_nothing():
    similarity = random_similarity(20, 20, seed=3)
    assert retrieval_metrics(np.exp(similarity)).values == retrieval_metrics(similarity).values


def test_median_rank_of_an_even_number_lies_between():
    similarity = np.array([[1.0, 0, 0], [0.5, 0.4, 0.3]])
    relevant = np.array([[True, False, False], [False, False, True]])
    assert retrieval_metrics(similarity, relevant).values["median_rank"] == 2


def test_cosine_equals_the_definition():
    rng = np.random.default_rng(5)
    queries, gallery = rng.normal(size=(4, 6)), rng.normal(size=(3, 6))
    for i, j in itertools.product(range(4), range(3)):
        q, g = queries[i].tolist(), gallery[j].tolist()
        expected = sum(a * b for a, b in zip(q, g, strict=True)) / math.hypot(*q) / math.hypot(*g)
        assert cosine_similarity(queries, gallery)[i, j] == pytest.approx(expected, abs=1e-9)


def test_length_of_embeddings_does_not_matter():
    rng = np.random.default_rng(6)
    queries, gallery = rng.normal(size=(5, 4)), rng.normal(size=(5, 4))
    longer = cosine_similarity(queries * 1e6, gallery * 1e-6)
    assert longer == pytest.approx(cosine_similarity(queries, gallery), abs=1e-9)


@pytest.mark.parametrize(("n_gallery", "n"), [(2, 2), (5, 2), (5, 3), (6, 4), (7, 7)])
def test_n_way_equals_counting_all_draws(n_gallery, n):
    for rank in range(1, n_gallery + 1):
        others = [place for place in range(1, n_gallery + 1) if place != rank]
        draws = list(itertools.combinations(others, n - 1))
        assert n_way_accuracy(rank, n_gallery, n) == pytest.approx(
            sum(all(place > rank for place in draw) for draw in draws) / len(draws)
        )


def test_n_way_agrees_with_drawing():
    similarity = random_similarity(30, 30, seed=8) + 1.5 * np.eye(30)
    exact = retrieval_metrics(similarity, n_way=(4,)).n_way[4]
    rng, wins = np.random.default_rng(0), []
    for _ in range(200):
        for i in range(30):
            rivals = rng.choice([j for j in range(30) if j != i], size=3, replace=False)
            wins.append(similarity[i, i] > similarity[i, rivals].max())
    assert exact == pytest.approx(np.mean(wins), abs=0.02)


def test_n_way_by_hand_and_at_the_size_of_the_gallery():
    assert n_way_accuracy(rank=3, n_gallery=200, n=2) == pytest.approx(197 / 199)
    assert n_way_accuracy(rank=1, n_gallery=200, n=200) == 1
    assert n_way_accuracy(rank=2, n_gallery=200, n=200) == 0
    similarity = random_similarity(9, 9, seed=2)
    found = retrieval_metrics(similarity, n_way=(2, 9, 10, 200))
    assert list(found.n_way) == [2, 9]
    assert found.n_way[9] == pytest.approx(found.values["top1"])


def test_n_way_with_several_matches_competes_with_items_that_do_not_match():
    similarity = np.array([[0.9, 0.8, 0.7, 0.1]])
    relevant = np.array([[False, True, True, False]])
    # the best match beats one of the two that do not match
    assert retrieval_metrics(similarity, relevant, n_way=(2, 3, 4)).n_way == {2: 0.5, 3: 0}


@pytest.mark.parametrize(("n_gallery", "n_relevant"), [(2, 1), (5, 1), (5, 2), (6, 3), (4, 4)])
def test_chance_equals_the_mean_over_all_orders(n_gallery, n_relevant):
    relevant = np.arange(n_gallery)[None, :] < n_relevant
    orders = list(itertools.permutations(range(n_gallery)))
    found = [retrieval_metrics(np.array([order], dtype=float), relevant).values for order in orders]
    chance = chance_levels(np.array([n_relevant]), n_gallery)
    for name in MEASURES:
        middle = np.median if name == "median_rank" else np.mean
        assert chance[name] == pytest.approx(middle([values[name] for values in found])), name


def test_chance_among_200():
    chance = chance_levels(np.ones(200, dtype=int), 200)
    assert [chance[name] for name in ("top1", "top5", "top10")] == pytest.approx([0.005, 0.025, 0.05])
    assert chance["mrr"] == pytest.approx(sum(1 / r for r in range(1, 201)) / 200)
    assert chance["median_rank"] == 100.5


@pytest.mark.parametrize(
    ("similarity", "relevant", "message"),
    [
        (np.zeros((2, 3)), None, "no diagonal"),
        (np.array([[np.nan, 0], [0, 1]]), None, "not finite"),
        (np.zeros((2, 2)), np.array([[True, False], [False, False]]), "query 1 has no matching item"),
        (np.zeros((2, 2)), np.ones((2, 3), dtype=bool), r"\(2, 3\).*\(2, 2\)"),
        (np.zeros((0, 0)), None, "n_queries, n_gallery"),
    ],
)
def test_refuses_what_cannot_be_ranked(similarity, relevant, message):
    with pytest.raises(ValueError, match=message):
        rank_queries(similarity, relevant)


@pytest.mark.parametrize("row", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_refuses_rows_without_a_direction(row):
    with pytest.raises(ValueError, match=r"row 1 .* zero or not finite"):
        cosine_similarity(np.array([[1.0, 0.0], row]), np.eye(2))


def test_refuses_an_n_that_the_gallery_cannot_fill():
    with pytest.raises(ValueError, match="gallery's size 5"):
        n_way_accuracy(1, 5, 6)
