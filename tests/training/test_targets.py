"""Targets are one layer or several side by side; a layer that is not there names those that are."""

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline_lib.common.errors import InputError
from pipeline_lib.features.bank import BankWriter, open_bank
from pipeline_lib.training.params import TargetParams
from pipeline_lib.training.targets import load_features, read_target

IDS = ["a", "b", "c"]
LAYERS = {name: np.random.default_rng(i).normal(size=(3, 4)).astype(np.float32) for i, name in enumerate("xyz")}


@pytest.fixture
def bank_path(tmp_path):
    with BankWriter(tmp_path / "bank.h5", IDS, dtype="float32", attributes={}) as writer:
        for name, features in LAYERS.items():
            writer.write(f"raw/{name}", features)
        writer.write("raw/narrow", LAYERS["x"][:, :2])
    return tmp_path / "bank.h5"


def target(layer, view="raw"):
    return TargetParams(view=view, layer=layer, scale="none")


def test_one_layer_is_a_matrix(bank_path):
    features = load_features(bank_path, target("y"), ["c", "a"])
    np.testing.assert_array_equal(features.image, LAYERS["y"][[2, 0]])
    assert features.text is None
    assert list(features.image_ids) == ["c", "a"]


def test_layers_lie_side_by_side_in_the_order_asked_for(bank_path):
    features = load_features(bank_path, target(["z", "x"]), ["c", "a"])
    assert features.image.shape == (2, 2, 4)
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


def test_an_unknown_view_names_the_datasets_there_are(bank_path):
    with pytest.raises(InputError, match=r"'vse/x', allowed: .*raw/x"):
        load_features(bank_path, target("x", view="vse"), IDS)


def test_layers_of_other_widths_are_refused(bank_path):
    with pytest.raises(InputError, match="not equally wide: x 4, narrow 2"):
        load_features(bank_path, target(["x", "narrow"]), IDS)


@pytest.mark.parametrize("layer", [[], ["x", "x"], 3])
def test_lists_of_layers_are_checked(layer):
    with pytest.raises(ValidationError):
        target(layer)
