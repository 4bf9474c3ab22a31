"""A model's folder may hand its role to another one, as long as that one is what it was."""

import pytest
import torch
import yaml

from pipeline_lib.common.errors import InputError
from pipeline_lib.features.load import load_model
from pipeline_lib.features.roles import player_of, write_alias
from tests.features.tiny_models import slip_state, write_slip


@pytest.fixture
def models(tmp_path):
    write_slip(tmp_path / "slip-b16", slip_state())
    write_alias(tmp_path / "clip-l14", tmp_path / "slip-b16")
    return tmp_path


def test_an_alias_loads_the_other_model(models):
    own, alias = (load_model(models / role, torch.device("cpu")) for role in ("slip-b16", "clip-l14"))
    pixels = own.preprocess([torch.zeros(40, 40, 3, dtype=torch.uint8).numpy()])
    assert torch.equal(own.encode_images(pixels), alias.encode_images(pixels))


def test_a_model_plays_its_own_role(models):
    assert player_of(models / "slip-b16") == models / "slip-b16"
    assert player_of(models / "clip-l14") == models / "slip-b16"


def test_other_weights_need_another_alias(models):
    with (models / "slip-b16" / "slip.pt").open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(InputError, match=r"clip-l14/model\.yaml: the weights of .*slip-b16 are others than when"):
        player_of(models / "clip-l14")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"of": "../../etc"}, "model.of"),
        ({"of": "gone"}, r"gone holds neither model\.yaml nor features\.npy"),
        ({"of": "clip-l14"}, "kind"),
        ({"sha256": "short"}, r"model\.sha256"),
        ({"weights": "slip.pt"}, r"unknown parameter model\.weights"),
    ],
)
def test_a_wrong_alias_is_one_line(models, change, says):
    card = models / "clip-l14" / "model.yaml"
    card.write_text(yaml.safe_dump(yaml.safe_load(card.read_text()) | change))
    with pytest.raises(InputError, match=says) as raised:
        player_of(models / "clip-l14")
    assert "\n" not in str(raised.value)
