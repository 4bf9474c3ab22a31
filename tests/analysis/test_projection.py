"""Images on a plane."""

import sys
from copy import deepcopy

import numpy as np
import pytest

from pipeline_lib.analysis.params import ProjectionParams
from pipeline_lib.analysis.projection import COLUMNS, on_plane, projection
from pipeline_lib.common.errors import InputError
from tests.analysis.mapped_run import LABELS, context_of, trained_run, write_categories
from tests.training.conftest import N_TEST

TSNE = ProjectionParams(method="tsne", seed=0)


@pytest.fixture(scope="module")
def opened(shipped_params, tmp_path_factory):
    folder = tmp_path_factory.mktemp("projection")
    run, inputs = trained_run(folder, deepcopy(shipped_params), epochs=1)
    return run, inputs, write_categories(folder / "categories.csv", run, form=LABELS, size=LABELS[::-1])


def test_every_image_has_a_place_in_every_space(opened, params):
    run, inputs, path = opened
    table = projection(run, context_of(inputs, params, categories=path))
    assert tuple(table) == COLUMNS
    assert table.groupby(["modality", "stage"]).size().to_dict() == {
        (name, stage): N_TEST for name in ("brain", "image", "text") for stage in ("before", "after")
    }
    assert np.isfinite(table[["x", "y"]]).all(axis=None)
    brain = table[(table["modality"] == "brain") & (table["stage"] == "after")]
    assert brain["image_id"].tolist() == run.image_ids
    assert brain["category"].tolist() == np.repeat(LABELS, 2).tolist()


def test_the_same_seed_gives_the_same_plane_and_another_another(opened, params):
    run, inputs, _ = opened
    first, again = (projection(run, context_of(inputs, params)) for _ in range(2))
    assert first.equals(again)
    other = projection(run, context_of(inputs, params, projection={"seed": 1}))
    assert other[list(COLUMNS[:5])].equals(first[list(COLUMNS[:5])])
    assert set(first["category"]) == {""}


def test_clusters_stay_together():
    rng = np.random.default_rng(0)
    centers = np.repeat(np.eye(3, 20), 15, axis=0)
    found = on_plane(centers + 0.05 * rng.normal(size=centers.shape), TSNE)
    label = np.repeat([0, 1, 2], 15)
    apart = np.linalg.norm(found[:, None] - found[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (label[apart.argmin(axis=1)] == label).all()


def test_the_length_of_a_row_plays_no_part():
    rows = np.random.default_rng(1).normal(size=(12, 4))
    scale = np.random.default_rng(2).uniform(0.1, 9, size=(12, 1))
    np.testing.assert_allclose(on_plane(rows, TSNE), on_plane(np.ldexp(rows, 3), TSNE), rtol=1e-6)
    assert on_plane(rows * scale, TSNE).shape == (12, 2)


def test_it_can_be_switched_off(opened, params):
    run, inputs, _ = opened
    assert projection(run, context_of(inputs, params, projection={"method": "none"})).empty


def test_umap_that_is_not_installed_is_one_clear_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(InputError, match=r"analysis\.projection\.method is umap.*trialign\[umap\].*tsne"):
        on_plane(np.eye(6), ProjectionParams(method="umap", seed=0))


def test_umap_is_given_rows_and_seed(monkeypatch):
    asked = {}

    class FakeUmap:
        def __init__(self, **settings):
            asked.update(settings)

        def fit_transform(self, rows):
            return rows[:, :2]

    monkeypatch.setitem(sys.modules, "umap", type(sys)("umap"))
    sys.modules["umap"].UMAP = FakeUmap
    found = on_plane(2 * np.eye(6), ProjectionParams(method="umap", seed=7))
    np.testing.assert_array_equal(found, np.eye(6)[:, :2])
    assert asked["random_state"] == 7
    assert asked["n_neighbors"] == 5
