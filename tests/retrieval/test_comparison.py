"""Systems over the same test images."""

import numpy as np
import pandas as pd
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.retrieval.comparison import COLUMNS, chance_of, compare, image_values


def table(ranks, *, protocol="intra", gallery="image", subject="sub-01", seed="0", n_gallery=10, images=None):
    """Queries of one run: the ranks of images i0, i1, ... ."""
    images = images or [f"i{number}" for number in range(len(ranks))]
    named = {"protocol": protocol, "gallery": gallery, "subject": subject, "seed": seed}
    return pd.DataFrame({"image_id": images, "rank": ranks, "n_gallery": n_gallery, **named})


def drawn(rng, n_images=60, chance_of_hit=0.5, **named):
    """A run that finds images at that rate, else ranks them at random."""
    hit = rng.random(n_images) < chance_of_hit
    return table(np.where(hit, 1, rng.integers(1, n_images + 1, n_images)), n_gallery=n_images, **named)


def rows_of(systems, **options):
    return compare(systems, n_resamples=options.pop("n_resamples", 500), seed=0, **options).rows


def row_of(rows, system, measure="top1", **where):
    for name, value in (where | {"system": system, "measure": measure}).items():
        rows = rows[rows[name] == value]
    (row,) = rows.to_dict("records")
    return row


def test_by_hand():
    rows = rows_of({"a": table([1, 1, 2, 10]), "b": table([1, 4, 6, 10])})
    assert tuple(rows) == COLUMNS
    first, top1, top5, mrr = row_of(rows, "a"), *(row_of(rows, "b", name) for name in ("top1", "top5", "mrr"))
    assert (first["value"], top1["value"], top1["difference"]) == (0.5, 0.25, -0.25)
    assert (top5["value"], top5["difference"]) == (0.5, -0.25)
    assert mrr["value"] == pytest.approx((1 + 1 / 4 + 1 / 6 + 1 / 10) / 4)
    assert mrr["difference"] == pytest.approx((1 / 4 - 1 + 1 / 6 - 1 / 2) / 4)
    # one image differs in top-1: both signs reach it; two in MRR, both downwards: two of four
    assert (top1["p"], mrr["p"]) == (1, 0.5)
    assert [top1[name] for name in ("images", "subjects", "seeds", "gallery_size")] == [4, 1, 1, 10]
    assert pd.isna([first[name] for name in ("difference", "low", "high", "p", "p_holm")]).all()


def test_an_images_value_is_the_mean_over_people_and_seeds_of_the_mean_over_queries():
    runs = [table([1, 1, 2], images=["x", "x", "y"]), table([2, 1], images=["x", "y"], subject="sub-02")]
    runs += [table([2, 2], images=["y", "x"], seed="1")]
    found = image_values(pd.concat(runs))
    assert found["top1"].to_dict() == pytest.approx({"x": 1 / 3, "y": 1 / 3})  # x: 1, 0, 0; y: 0, 1, 0
    assert found.loc["x", "mrr"] == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)


def test_exchanged_systems_give_the_opposite():
    rng = np.random.default_rng(0)
    one, other = drawn(rng), drawn(rng, chance_of_hit=0.3)
    for measure in ("top1", "top5", "mrr"):
        there = row_of(rows_of({"one": one, "other": other}), "other", measure)
        back = row_of(rows_of({"other": other, "one": one}), "one", measure)
        assert there["difference"] == -back["difference"]
        assert (there["low"], there["high"]) == pytest.approx((-back["high"], -back["low"]))
        assert there["p"] == back["p"]


def test_the_order_of_rows_does_not_matter():
    rng = np.random.default_rng(1)
    systems = {
        name: pd.concat([drawn(rng, chance_of_hit=rate, subject=who) for who in ("a", "b")])
        for name, rate in (("one", 0.5), ("other", 0.3))
    }
    shuffled = {name: one.sample(frac=1, random_state=3) for name, one in systems.items()}
    pd.testing.assert_frame_equal(rows_of(systems), rows_of(shuffled))


def test_a_system_does_not_differ_from_its_like():
    one = drawn(np.random.default_rng(2))
    row = row_of(rows_of({"one": one, "copy": one.copy()}), "copy")
    assert [row[name] for name in ("difference", "low", "high", "p")] == [0, 0, 0, 1]


def test_two_seeds_of_a_system_are_alike_and_chance_is_not():
    rng = np.random.default_rng(3)
    systems = {"full": drawn(rng), "again": drawn(rng, seed="1"), "chance": drawn(rng, chance_of_hit=0)}
    rows = rows_of(systems, n_resamples=2000)
    for measure in ("top1", "top5", "mrr"):
        assert row_of(rows, "again", measure)["p"] > 0.05
        assert row_of(rows, "chance", measure)["p_holm"] < 0.01
        assert row_of(rows, "chance", measure)["high"] < 0
        assert row_of(rows, "chance", measure)["value"] == pytest.approx(chance_of(measure, 60), abs=0.06)


def test_the_interval_holds_the_true_difference_as_often_as_it_says():
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(200):
        row = row_of(rows_of({"a": drawn(rng, chance_of_hit=0.6), "b": drawn(rng, chance_of_hit=0.3)}), "b")
        held += row["low"] <= -0.3 * 59 / 60 <= row["high"]  # a random rank is 1 in one of 60
    assert 0.9 <= held / 200 <= 0.985


def test_p_values_of_whole_comparisons_are_uniform_where_nothing_differs():
    from scipy.stats import kstest

    rng = np.random.default_rng(5)
    found = []
    for seed in range(250):
        easy = rng.uniform(0, 0.8, size=60)  # the same images are easy for both
        pair = {name: drawn(rng, chance_of_hit=easy) for name in "ab"}
        found.append(row_of(compare(pair, n_resamples=199, seed=seed).rows, "b", "mrr")["p"])
    assert kstest(found, "uniform").pvalue > 0.05


def test_all_tests_of_the_table_are_corrected_for():
    rng = np.random.default_rng(6)
    systems = {
        name: pd.concat([drawn(rng, gallery=gallery) for gallery in ("image", "text")]) for name in ("a", "b", "c")
    }
    rows = rows_of(systems).dropna()
    assert len(rows) == 2 * 2 * 3
    smallest = rows.loc[rows["p"].idxmin()]
    assert smallest["p_holm"] == min(1, 12 * smallest["p"])


def test_what_only_some_have_is_left_out_and_named():
    rng = np.random.default_rng(7)
    full = pd.concat([drawn(rng, subject=who, gallery=name) for who in ("a", "b") for name in ("image", "text")])
    part = pd.concat([drawn(rng, subject=who) for who in ("b", "c")])
    found = compare({"full": full, "part": part}, n_resamples=200, seed=0)
    assert set(found.rows["gallery"]) == {"image"}
    assert set(found.rows["subjects"]) == {1}
    assert found.notes == [
        "left out, as not all have it: intra text of 'full'",
        "left out of intra, image, as not all have them: a of 'full'",
        "left out of intra, image, as not all have them: c of 'part'",
    ]


@pytest.mark.parametrize(
    ("other", "options", "says"),
    [
        (table([1, 2, 3], images=["i0", "i1", "x"]), {}, "not tested with the same images (2 are in one only: i2, x)"),
        (table([1, 2, 3], n_gallery=50), {}, "gallery of 50 items in 'b' and of 10 in 'a'"),
        (table([1, 2, 3], subject="sub-09"), {}, "'a' and 'b' have no subject in common"),
        (table([1, 2, 3], gallery="text"), {}, "no protocol and gallery in common"),
        (table([1, 2, 3]), {"galleries": ["images"]}, "--gallery is 'images', allowed: image; did you mean 'image'?"),
        (table([1, 2, 3]), {"protocols": ["inter"]}, "--protocol is 'inter', allowed: intra"),
    ],
)
def test_what_cannot_be_paired_is_refused(other, options, says):
    with pytest.raises(InputError) as refused:
        rows_of({"a": table([1, 2, 3]), "b": other}, **options)
    assert says in str(refused.value)


def test_only_what_is_asked_for():
    systems = {
        name: pd.concat(
            [drawn(np.random.default_rng(8), protocol=p, gallery=g) for p in ("intra", "inter") for g in "gh"]
        )
        for name in "ab"
    }
    rows = rows_of(systems, protocols=["inter"], galleries=["h"])
    assert set(zip(rows["protocol"], rows["gallery"], strict=True)) == {("inter", "h")}
