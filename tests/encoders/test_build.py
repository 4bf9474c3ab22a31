"""From parameters to encoders."""

from typing import get_args

import pytest
import torch

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import validated
from pipeline_lib.encoders.build import ENCODERS, build_encoder
from pipeline_lib.encoders.params import EncoderParams


@pytest.mark.parametrize("name", list(ENCODERS))
def test_builds_what_is_named(params, name):
    params["encoder"]["name"] = name
    encoder = build_encoder(validated(params, "encoder", EncoderParams), 63, 250)
    assert type(encoder) is ENCODERS[name]
    prepared = encoder.prepare(torch.randn(2, 63, 250))
    assert encoder.dim == (63 * 250 if name == "flat" else 1440)
    assert encoder(prepared).shape == (2, encoder.dim)
    assert encoder(prepared, torch.tensor([0, 0])).shape == (2, encoder.dim)


def test_all_names_are_built():
    assert set(get_args(EncoderParams.model_fields["name"].annotation)) == set(ENCODERS)


@pytest.mark.parametrize("name", ["tsconv-sa", "tsconv-ga", "atm"])
def test_attention_dropout_is_the_parameter(params, name):
    params["encoder"] |= {"name": name, "dropout": 0.4, "attention_dropout": 0.125}
    encoder = build_encoder(validated(params, "encoder", EncoderParams), 3, 100)
    assert {part.p for part in encoder.modules() if isinstance(part, torch.nn.Dropout)} == {0.4, 0.125}
    assert encoder.tsconv.dropout.p == 0.4


def test_atm_is_told_of_subjects_and_of_the_last_channel(params):
    params["encoder"] |= {"name": "atm", "atm": {"drop_last_channel": True}}
    encoder = build_encoder(validated(params, "encoder", EncoderParams), 3, 100, n_subjects=4)
    assert encoder.subject_tokens.shape == (4, 100)
    assert encoder.kept == slice(0, 3)


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
        ("name", "tsconv_sa", r"encoder\.name is 'tsconv_sa'.*did you mean 'tsconv-sa'"),
        ("dropout", 1.0, r"encoder\.dropout is 1\.0"),
        ("attention_dropout", -0.5, r"encoder\.attention_dropout is -0\.5"),
        ("atm", {"drop_last": True}, r"unknown parameter encoder\.atm\.drop_last .*did you mean 'drop_last_channel'"),
        ("head_dropout", {"brain": -0.1, "image": 0, "text": 0}, r"encoder\.head_dropout\.brain is -0\.1"),
        ("dim", 0, r"encoder\.dim is 0"),
    ],
)
def test_bad_values_are_named(params, key, value, message):
    params["encoder"][key] = value
    with pytest.raises(InputError, match=message):
        validated(params, "encoder", EncoderParams)
