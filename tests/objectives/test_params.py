"""What the section `loss` refuses, and how it says so."""

import pytest

from pipeline_lib.common.errors import InputError


def test_the_shipped_parameters_are_valid(loss_params):
    assert loss_params().balancer == "dla"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"balancer": "dlaa"}, r"loss\.balancer is 'dlaa'.*did you mean 'dla'"),
        ({"objectives": []}, r"loss\.objectives is \[\]"),
        ({"objectives": ["brain-imagee"]}, r"loss\.objectives\.0 is 'brain-imagee'.*did you mean 'brain-image'"),
        ({"objectives": ["guidance", "guidance"]}, r"loss\.objectives.*named more than once: guidance"),
        ({"temperature": 0}, r"loss\.temperature is 0"),
        ({"temperature": float("nan")}, r"loss\.temperature is nan"),
        ({"temprature": 1}, r"unknown parameter loss\.temprature.*did you mean 'temperature'"),
        ({"static": {"weights": [1, 2]}}, r"loss\.static.*one number for each of brain-image, image-text, guidance"),
        ({"static": {"weights": [0, 0, 0]}}, r"loss\.static.*must not all be zero"),
        ({"static": {"weights": [1, -1, 1]}}, r"loss\.static\.weights\.1 is -1"),
        ({"objectives": ["brain-texts"]}, r"loss\.objectives\.0 is 'brain-texts'.*did you mean 'brain-text'"),
        ({"adapter": {"consistency_weight": -1}}, r"loss\.adapter\.consistency_weight is -1"),
        ({"norms_every": -1}, r"loss\.norms_every is -1"),
    ],
)
def test_bad_values_are_named(loss_params, changes, message):
    with pytest.raises(InputError, match=message) as caught:
        loss_params(**changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("dla", "every", 0),
        ("dla", "scope", "head"),
        ("dla", "temperature", -0.1),
        ("mcdb", "apply", "step"),
        ("mcdb", "gamma", 0),
        ("spr", "sigma_max", -1),
        ("sga", "diagonal", "two"),
    ],
)
def test_bad_values_of_the_parts_are_named(params, loss_params, section, key, value):
    with pytest.raises(InputError, match=rf"loss\.{section}\.{key} is "):
        loss_params(**{section: params["loss"][section] | {key: value}})


def test_own_weights(loss_params):
    assert loss_params(static={"weights": [1, 0, 0.5]}).static.weights == [1, 0, 0.5]
