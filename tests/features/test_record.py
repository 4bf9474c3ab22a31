"""What a bank says about its making comes back as it was given; what it does not say is None."""

import json

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import validated
from pipeline_lib.features.bank import BankWriter, open_bank
from pipeline_lib.features.described import made_views_described, source_described, stored_view_described
from pipeline_lib.features.params import FeaturesParams
from pipeline_lib.features.record import SUPPLIED, record_of
from pipeline_lib.features.supplied import supplied_source
from pipeline_lib.stimuli.params import ViewsParams, VseParams
from pipeline_lib.stimuli.views import ViewWriter
from tests.captioning.small_study import small_table
from tests.features.test_supplied import IDS, NO_CAPTIONS, write


@pytest.fixture
def recorded(tmp_path):
    """The record of a bank with the attributes given."""

    def made(attributes):
        with BankWriter(tmp_path / "bank.h5", ["a"], dtype="float32", attributes=attributes) as bank:
            bank.write("raw/final", np.ones((1, 3)))
        with open_bank(tmp_path / "bank.h5") as bank:
            return record_of(bank)

    return made


@pytest.fixture
def sections(params):
    """Sections `features`, `views` and `vse` as shipped."""
    return (
        validated(params, "features", FeaturesParams),
        validated(params, "views", ViewsParams),
        validated(params, "vse", VseParams),
    )


def view_store(path, vse):
    with ViewWriter(path, [], (8, 8), vse.model_dump(mode="json")):
        pass
    return path


def test_the_sections_come_back_as_they_were(recorded, sections, tmp_path):
    features, views, vse = sections
    store = view_store(tmp_path / "views.zarr.zip", vse)
    found = recorded(
        {
            **source_described(features),
            "revision": "sha256:c0ffee",
            **made_views_described(["raw", "noise"], views),
            **stored_view_described(["raw", "vse"], store),
        }
    )
    assert (found["model"], found["models"], found["dtype"]) == ("slip-b16", "data/models/phantom", "float32")
    assert found["revision"] == "sha256:c0ffee"
    assert validated(found, "vse", VseParams) == vse
    assert validated(found, "views", ViewsParams) == views


def test_sections_of_views_that_are_not_asked_for_are_none(recorded, sections):
    features, views, _ = sections
    found = recorded({**source_described(features), **made_views_described(["raw", "vse"], views)})
    assert (found["views"], found["vse"]) == (None, None)
    assert stored_view_described(["raw", "blur-low"], "nowhere") == {}


def test_an_older_bank_says_nothing(recorded):
    assert set(recorded({}).values()) == {None}


def test_an_older_view_store_says_nothing(tmp_path):
    with ViewWriter(tmp_path / "views.zarr.zip", [], (8, 8)):
        pass
    assert stored_view_described(["vse"], tmp_path / "views.zarr.zip") == {}


@pytest.mark.parametrize("value", ["{", "[]", "3", "[" * 60_000, json.dumps("text")])
def test_a_section_that_is_none_is_one_line(recorded, value):
    with pytest.raises(InputError, match=r"bank\.h5: attribute vse is no section of params\.yaml; run 'dvc repro"):
        recorded({"vse": value})


def test_supplied_features_say_that_there_is_no_model(recorded, params, tmp_path):
    (tmp_path / "own").mkdir()
    write(tmp_path / "own", IDS)
    params["features"].update(models=str(tmp_path), model="own", views=["raw"])
    section = validated(params, "features", FeaturesParams)
    found = recorded(supplied_source(section, small_table(), captions=NO_CAPTIONS).attributes)
    assert (found["architecture"], found["model"], found["revision"]) == (SUPPLIED, "own", None)
