"""Section bravl goes with some values of other sections, and says so about the rest."""

import pytest
from pydantic import ValidationError

from pipeline_lib.common.errors import InputError
from pipeline_lib.training.bravl_params import BravlParams
from tests.training.bravl_study import made_bravl
from tests.training.conftest import make_settings


def test_the_shipped_parameters_train_no_bravl(params):
    assert make_settings(params).kind == "alignment"


def test_switched_on_it_is_the_kind(params):
    assert make_settings(made_bravl(params)).kind == "bravl"


@pytest.mark.parametrize("objectives", [["elbo"], ["elbo", "inter-information"], ["intra-information", "elbo"]])
def test_its_information_terms_can_be_left_out(params, objectives):
    made_bravl(params)["loss"].update(objectives=objectives, static={"weights": []})
    assert make_settings(params).loss.objectives == objectives


def test_its_objectives_without_it_are_refused(params):
    made_bravl(params)["bravl"]["enabled"] = False
    with pytest.raises(InputError, match=r"objectives: elbo, intra.* and bravl.enabled is false; set it to true"):
        make_settings(params)


@pytest.mark.parametrize("objectives", [["brain-image"], ["elbo", "brain-image"], ["intra-information"]])
def test_other_objectives_with_it_are_refused(params, objectives):
    made_bravl(params)["loss"].update(objectives=objectives, static={"weights": []})
    with pytest.raises(InputError, match=r"^loss.objectives is .* allowed: elbo and.*; the preset bravl sets them$"):
        make_settings(params)


def test_other_encoders_are_refused(params):
    made_bravl(params)["encoder"]["name"] = "tsconv"
    with pytest.raises(InputError, match=r"encoder.name is 'tsconv', allowed: 'flat', since bravl.enabled is true"):
        make_settings(params)


def test_several_layers_are_refused(params):
    made_bravl(params)["target"]["layer"] = ["one", "two"]
    with pytest.raises(InputError, match=r"target.layer is \['one', 'two'\], allowed: one layer"):
        make_settings(params)


@pytest.mark.parametrize(
    "change",
    [{"latent_dim": 0}, {"deviation": 0.0}, {"lambda_intra": -1.0}, {"beta_per_epoch": float("nan")}, {"hiden": 3}],
)
def test_impossible_values_are_refused(params, change):
    with pytest.raises(ValidationError):
        BravlParams.model_validate(params["bravl"] | change)
