"""From parameters to encoders."""

import pytest
import torch

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import validated
from pipeline_lib.encoders.build import build_encoder
from pipeline_lib.encoders.flat import FlatEncoder
from pipeline_lib.encoders.params import EncoderParams
from pipeline_lib.encoders.tsconv import TSConv


@pytest.mark.parametrize(("name", "kind", "dim"), [("tsconv", TSConv, 1440), ("flat", FlatEncoder, 63 * 250)])
def test_builds_what_is_named(params, name, kind, dim):
    params["encoder"]["name"] = name
    encoder = build_encoder(validated(params, "encoder", EncoderParams), 63, 250)
    assert isinstance(encoder, kind)
    assert encoder(encoder.prepare(torch.randn(2, 63, 250))).shape == (2, dim)
    assert encoder.dim == dim


def test_dropout_is_the_parameter(params):
    params["encoder"]["dropout"] = 0.3
    assert build_encoder(validated(params, "encoder", EncoderParams), 3, 100).dropout.p == 0.3


def test_same_seed_same_weights(params):
    section = validated(params, "encoder", EncoderParams)
    states = []
    for _ in range(2):
        torch.manual_seed(7)
        states.append(build_encoder(section, 3, 100).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("name", "tsconf", r"encoder\.name is 'tsconf'.*did you mean 'tsconv'"),
        ("dropout", 1.0, r"encoder\.dropout is 1\.0"),
        ("head_dropout", {"brain": -0.1, "image": 0, "text": 0}, r"encoder\.head_dropout\.brain is -0\.1"),
        ("dim", 0, r"encoder\.dim is 0"),
    ],
)
def test_bad_values_are_named(params, key, value, message):
    params["encoder"][key] = value
    with pytest.raises(InputError, match=message):
        validated(params, "encoder", EncoderParams)
