"""Which spaces are compared, with what, and up to which ceiling."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from pipeline_lib.analysis.dissimilarity import cosine_distances, model_distances, rank_agreement
from pipeline_lib.analysis.similarity import category_models, similarity
from pipeline_lib.analysis.spaces import evenly, sample_of, split_means
from tests.analysis.mapped_run import LABELS, N_TIMES, context_of, trained_run, write_categories
from tests.training.conftest import DIM, N_TEST


@pytest.fixture(scope="module")
def opened(shipped_params, tmp_path_factory):
    """A run trained so that it finds most images, and what makes contexts of it."""
    folder = tmp_path_factory.mktemp("similarity")
    run, inputs = trained_run(folder, deepcopy(shipped_params), epochs=15)
    path = write_categories(folder / "categories.csv", run, form=LABELS, size=["big", "small", "", "big", "small"])
    return run, inputs, path


def test_before_and_after_are_responses_features_and_embeddings(opened, params):
    run, inputs, _ = opened
    spaces = sample_of(run, context_of(inputs, params)).spaces
    widths = {name: rows.shape for name, rows in spaces.items()}
    before = {"brain": 12 * N_TIMES, "image": DIM, "text": 5}
    assert widths == {
        (name, stage): (N_TEST, w if stage == "before" else 16)
        for name, w in before.items()
        for stage in ("before", "after")
    }
    np.testing.assert_allclose(spaces["brain", "before"], run.responses.reshape(N_TEST, -1))
    np.testing.assert_allclose(spaces["image", "after"], run.targets.image, rtol=1e-6)


def test_every_pair_of_spaces_stands_there_once_and_each_with_each_system(opened, params):
    run, inputs, path = opened
    table = similarity(run, context_of(inputs, params, categories=path))
    pairs = list(table[table["stage"] == "after"][["space", "compared_with"]].itertuples(index=False, name=None))
    systems = ["form", "size", "all categories"]
    expected = [("brain", "image"), ("brain", "text"), ("image", "text")]
    assert len(pairs) == len(set(pairs)) == len(table) / 2
    assert set(pairs) == {*expected, *((space, name) for space in ("brain", "image", "text") for name in systems)}


def test_values_are_those_of_plain_matrices(opened, params):
    run, inputs, path = opened
    table = similarity(run, context_of(inputs, params, categories=path)).set_index(["space", "stage", "compared_with"])
    brain, image = (cosine_distances(rows) for rows in (run.embed(run.responses), run.targets.image))
    assert table.loc[("brain", "after", "image"), "rho"] == pytest.approx(rank_agreement(brain, image, 0)[0], abs=1e-6)
    labels = np.repeat(LABELS, 2)
    expected = rank_agreement(image, model_distances(labels), 0)[0]
    assert table.loc[("image", "after", "form"), "rho"] == pytest.approx(expected, abs=1e-6)
    known = [0, 1, 2, 3, 6, 7, 8, 9]  # the third concept has no size
    sizes = np.repeat(["big", "small", "big", "small"], 2)
    expected = rank_agreement(image[np.ix_(known, known)], model_distances(sizes), 0)[0]
    assert table.loc[("image", "after", "size"), "rho"] == pytest.approx(expected, abs=1e-6)
    assert table["p"].between(0, 1).all()


def test_alignment_brings_the_brain_to_the_images(opened, params):
    run, inputs, _ = opened
    table = similarity(run, context_of(inputs, params)).set_index(["space", "stage", "compared_with"])
    assert table.loc[("brain", "after", "image"), "rho"] > 0.5
    assert table.loc[("brain", "after", "image"), "p"] < 0.05


def test_ceilings_are_the_brains_alone(opened, params):
    run, inputs, _ = opened
    table = similarity(run, context_of(inputs, params))
    has = table["space"] == "brain"
    assert table.loc[~has, ["ceiling_low", "ceiling_high"]].isna().all(axis=None)
    assert (table.loc[has, "ceiling_low"] <= table.loc[has, "ceiling_high"]).all()
    assert table.loc[has, "ceiling_low"].min() > 0.5  # little noise


def test_a_model_of_several_systems_counts_those_that_differ():
    labels = {"a": np.array(["x", "x", "y", ""], dtype=object), "b": np.array(["u", "v", "v", "v"], dtype=object)}
    rows, distances = category_models(labels)["all categories"]
    assert rows.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(distances, [[0, 0.5, 1], [0.5, 0, 0.5], [1, 0.5, 0]])
    assert list(category_models({"a": labels["a"]})) == ["a"]


def test_halves_are_the_trials_of_even_and_odd_number(opened):
    store = opened[0].store
    trials = store.trials(test=True)
    names = np.array(trials.image_ids)
    wanted = list(dict.fromkeys(trials.image_ids))[::-1][:4]
    halves = split_means(store, wanted)
    for half in (0, 1):
        for row, name in enumerate(wanted):
            expected = trials.epochs[(names == name) & (trials.repeat % 2 == half)].mean(axis=0)
            np.testing.assert_allclose(halves[half, row], expected, atol=1e-6)


def test_images_shown_once_have_no_halves(opened, monkeypatch):
    store = opened[0].store
    first = _First(store.rows("trials", test=True))
    monkeypatch.setattr(store, "rows", lambda kind, test: first)
    assert split_means(store, ["image60", "image61"]) is None


class _First:
    """The first showing of each image."""

    def __init__(self, rows):
        chosen = np.flatnonzero(rows.column("repeat") == 0)
        self.image_ids, self.shape = [rows.image_ids[i] for i in chosen], rows.shape
        self.column = lambda name: rows.column(name)[chosen]


def test_a_person_seen_with_single_trials_is_compared_by_means(opened, params):
    run, inputs, _ = opened
    expected = similarity(run, context_of(inputs, params))
    trials = run.store.trials(test=True)
    single = replace(run, shown=trials.image_ids, responses=trials.epochs)
    assert similarity(single, context_of(inputs, params)).equals(expected)


def test_large_test_sets_are_thinned_evenly():
    assert evenly(10, 20).tolist() == list(range(10))
    chosen = evenly(1000, 300)
    assert len(chosen) == 300
    assert chosen[0] == 0
    assert chosen[-1] == 999
    assert set(np.diff(chosen)) <= {3, 4}
