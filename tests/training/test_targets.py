"""Targets are one layer or several, of one view, of the mean over several, or of several to choose from.

A view or layer that is not there names those that are.
"""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from pipeline_lib.common.errors import InputError
from pipeline_lib.features.bank import BankWriter, FeatureBank, open_bank
from pipeline_lib.training.params import TargetParams
from pipeline_lib.training.targets import load_features, read_target

IDS = ["a", "b", "c"]
UNCERTAINTY = {"momentum": 0.3, "deviations": 1.96}
LAYERS = {name: np.random.default_rng(i).normal(size=(3, 4)).astype(np.float32) for i, name in enumerate("xyz")}


@pytest.fixture
def bank_path(tmp_path):
    with BankWriter(tmp_path / "bank.h5", IDS, dtype="float32", attributes={}) as writer:
        for name, features in LAYERS.items():
            writer.write(f"raw/{name}", features)
            writer.write(f"low/{name}", 2 * features)
            writer.write(f"high/{name}", 6 * features)
        writer.write("raw/narrow", LAYERS["x"][:, :2])
        writer.write("text/final", LAYERS["x"])
    return tmp_path / "bank.h5"


def target(layer, view="raw", views="mean", gallery_view=None, uncertainty=UNCERTAINTY):
    return TargetParams(
        view=view, views=views, gallery_view=gallery_view, layer=layer, scale="none", uncertainty=uncertainty
    )


def test_one_layer_is_a_matrix(bank_path):
    features = load_features(bank_path, target("y"), ["c", "a"])
    np.testing.assert_array_equal(features.image, LAYERS["y"][[2, 0]])
    np.testing.assert_array_equal(features.text, LAYERS["x"][[2, 0]])
    assert list(features.image_ids) == ["c", "a"]
    assert (features.n_layers, features.image_dim) == (None, 4)


def test_layers_lie_side_by_side_in_the_order_asked_for(bank_path):
    features = load_features(bank_path, target(["z", "x"]), ["c", "a"])
    assert features.image.shape == (2, 2, 4)
    assert (features.n_layers, features.image_dim) == (2, 4)
    np.testing.assert_array_equal(features.image[:, 0], LAYERS["z"][[2, 0]])
    np.testing.assert_array_equal(features.image[:, 1], LAYERS["x"][[2, 0]])


def test_a_list_of_one_layer_keeps_its_axis(bank_path):
    assert load_features(bank_path, target(["z"]), IDS).image.shape == (3, 1, 4)


@pytest.mark.parametrize("layer", ["block11", ["x", "block11"]])
def test_a_layer_that_is_not_there_names_those_that_are(bank_path, layer):
    with (
        open_bank(bank_path) as bank,
        pytest.raises(InputError, match=r"bank.h5, view raw: target.layer is 'block11', allowed: narrow, x, y, z; add"),
    ):
        read_target(bank, "raw", layer, IDS)


def test_the_mean_of_views_is_the_mean_of_their_features(bank_path):
    mean = load_features(bank_path, target("y", view=["raw", "low", "high"]), ["c", "a"])
    np.testing.assert_allclose(mean.image, 3 * LAYERS["y"][[2, 0]], rtol=1e-6)
    assert mean.views == ()
    layers = load_features(bank_path, target(["z", "x"], view=["raw", "low", "high"]), IDS)
    np.testing.assert_allclose(layers.image, 3 * np.stack([LAYERS["z"], LAYERS["x"]], axis=1), rtol=1e-6)
    assert (layers.n_layers, layers.image_dim) == (2, 4)


def test_the_mean_of_one_view_is_that_view_bit_for_bit(bank_path):
    one, listed = (load_features(bank_path, target("y", view=view), IDS).image for view in ("low", ["low"]))
    np.testing.assert_array_equal(one, listed)


@pytest.mark.parametrize("layer", ["y", ["y"], ["y", "z"]])
def test_views_to_choose_from_are_an_axis_of_their_own_beside_that_of_layers(bank_path, layer):
    table = load_features(bank_path, target(layer, view=["raw", "low", "high"], views="uncertainty"), ["c", "a"])
    single = load_features(bank_path, target(layer), ["c", "a"])
    assert table.image.shape == (2, 3, *single.image.shape[1:])
    assert (table.n_layers, table.image_dim) == (single.n_layers, single.image_dim)
    assert table.views == ("raw", "low", "high")
    for view, factor in enumerate((1, 2, 6)):
        expected = factor * single.image[[1, 0, 1]]
        np.testing.assert_array_equal(table.image_of(torch.tensor([1, 0, 1]), torch.full((3,), view)), expected)
    mixed = table.image_of(torch.tensor([0, 1]), torch.tensor([2, 0]))
    np.testing.assert_array_equal(mixed, torch.stack([6 * single.image[0], single.image[1]]))


@pytest.mark.parametrize(("views", "factor"), [(["raw", "low", "high"], 2), (["raw", "high"], 6)])
def test_the_middle_view_stands_for_all_where_none_is_chosen(bank_path, views, factor):
    table = load_features(bank_path, target("y", view=views, views="uncertainty"), IDS)
    np.testing.assert_array_equal(table.central, factor * LAYERS["y"])
    np.testing.assert_array_equal(table.image_of(torch.tensor([2])), factor * LAYERS["y"][[2]])
    moved = table.to(torch.device("cpu"), torch.bfloat16)
    assert (moved.views, moved.image_ids, moved.image.dtype) == (table.views, IDS, torch.bfloat16)


def test_only_the_views_that_training_needs_are_loaded(bank_path, monkeypatch):
    loaded, original = [], FeatureBank.read
    monkeypatch.setattr(
        FeatureBank, "read", lambda b, name, ids: (ids and loaded.append(name)) or original(b, name, ids)
    )
    load_features(bank_path, target("y", view=["raw", "high"], views="uncertainty", gallery_view="low"), IDS)
    assert loaded == ["raw/y", "high/y", "text/final"]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"view": "vse"}, "target.view"),
        ({"view": ["raw", "vse"]}, "target.view"),
        ({"view": ["raw", "vse"], "views": "uncertainty"}, "target.view"),
        ({"gallery_view": "vse"}, "target.gallery_view"),
    ],
)
def test_an_unknown_view_names_those_there_are(bank_path, change, key):
    with pytest.raises(
        InputError, match=rf"bank.h5: {key} is 'vse', allowed: high, low, raw; add it to features.views"
    ):
        load_features(bank_path, target("x", **change), IDS)


def test_a_layer_that_only_the_view_of_the_galleries_lacks_is_named(bank_path):
    with pytest.raises(InputError, match=r"view low: target.layer is 'narrow', allowed: x, y, z; add"):
        load_features(bank_path, target("narrow", gallery_view="low"), IDS)


def test_layers_of_other_widths_are_refused(bank_path):
    with pytest.raises(InputError, match="not equally wide: raw/x 4, raw/narrow 2"):
        load_features(bank_path, target(["x", "narrow"]), IDS)


@pytest.mark.parametrize("names", [[], ["x", "x"], 3])
@pytest.mark.parametrize("key", ["layer", "view"])
def test_lists_of_layers_and_views_are_checked(key, names):
    with pytest.raises(ValidationError):
        target(**{"layer": "x", key: names})


@pytest.mark.parametrize("view", ["raw", ["raw"]])
def test_one_view_leaves_nothing_to_choose_from(view):
    with pytest.raises(ValidationError, match=r"needs two views at least in target\.view"):
        target("x", view=view, views="uncertainty")


@pytest.mark.parametrize("change", [{"momentum": 0}, {"momentum": 1.5}, {"deviations": 0}, {"deviations": -1}])
def test_constants_of_the_choice_are_checked(change):
    with pytest.raises(ValidationError):
        target("x", uncertainty=UNCERTAINTY | change)


@pytest.mark.parametrize(
    ("change", "searched"),
    [
        ({"view": "raw"}, "raw"),
        ({"view": ["raw", "low"]}, ["raw", "low"]),
        ({"view": ["raw", "low"], "gallery_view": "high"}, "high"),
        ({"view": ["raw", "low", "high"], "views": "uncertainty"}, "low"),
        ({"view": ["raw", "low", "high", "x"], "views": "uncertainty"}, "high"),
        ({"view": ["raw", "low"], "views": "uncertainty", "gallery_view": "raw"}, "raw"),
    ],
)
def test_galleries_show_what_training_does_unless_they_are_told_otherwise(change, searched):
    assert target("x", **change).searched_view == searched
