"""A card that is not whole, or not one, is one line that names the file and the cure."""

import json
from dataclasses import asdict, replace

import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.training.base import Shapes
from pipeline_lib.training.model_card import FORMAT, ModelCard, read_card

CARD = ModelCard(
    protocol="inter",
    subject="sub-03",
    trained_on=["sub-01", "sub-02"],
    seed=0,
    best_epoch=7,
    shapes=Shapes(n_channels=2, n_times=50, image_dim=8, text_dim=None, n_subjects=2),
    ch_names=["Oz", "Pz"],
    ch_types=["eeg", "eeg"],
    sfreq=100.0,
    tmin=-0.1,
    whitening="own-training-trials",
    preprocessing={"layout": "bids"},
    features={"model": "slip-b16"},
    target_view=["raw", "vse"],
    target_views="mean",
    target_layer="final",
    gallery_view="raw",
    feature_scale="unit",
    versions={"python": "3.11"},
    metrics={"loss": 1.5, "n": 10},
)


@pytest.fixture
def read(tmp_path):
    """Read a card that is written as the text or the values given."""

    def written(content):
        text = content if isinstance(content, str | bytes) else json.dumps(content)
        (tmp_path / "model.json").write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_card(tmp_path / "model.json")

    return written


def described(**changes):
    return {"format": FORMAT, **asdict(CARD), **changes}


def test_a_card_comes_back(read):
    assert read(described()) == CARD
    unknown = described(sfreq=None, ch_types=[])
    assert (read(unknown).sfreq, read(unknown).ch_types) == (None, [])


def test_the_window_ends_behind_the_last_sample():
    assert CARD.window == pytest.approx((-0.1, 0.4))
    assert replace(CARD, sfreq=None).window is None


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, b"\xff\xfe", '{"format": 3,}', '"format'])
def test_what_is_no_json_is_one_line(read, text):
    with pytest.raises(InputError, match=r"model\.json: not valid JSON \(.*train it again with 'dvc repro'"):
        read(text)


@pytest.mark.parametrize("content", [[], 3, "null", {}, {"format": 2}, described(format="3"), described(format=None)])
def test_another_format_is_refused(read, content):
    with pytest.raises(InputError, match=r"model\.json: not a model of format 3; train it again"):
        read(content)


@pytest.mark.parametrize("key", [name for name in asdict(CARD) if name != "kind"])
def test_a_missing_key_is_named(read, key):
    content = described()
    del content[key]
    with pytest.raises(InputError, match=rf"key '{key}' is missing; train it again"):
        read(content)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sead": 1}, "unknown key 'sead' did you mean 'seed'"),
        ({"shapes": asdict(CARD.shapes) | {"n_chanels": 1}}, "unknown key 'n_chanels' did you mean 'n_channels'"),
        ({"shapes": {"n_channels": 2}}, "key 'n_times' is missing"),
        ({"shapes": 3}, "shapes is 3: "),
        ({"shapes": asdict(CARD.shapes) | {"n_times": "long"}}, "shapes.n_times is 'long': "),
        ({"shapes": asdict(CARD.shapes) | {"n_times": 0}}, "shapes.n_times is 0, allowed: 1 to 1000000"),
        ({"shapes": asdict(CARD.shapes) | {"image_dim": 10**9}}, "shapes.image_dim is 1000000000, allowed: "),
        ({"shapes": asdict(CARD.shapes) | {"n_channels": 3}}, "ch_names has 2 entries for 3 channels"),
        ({"ch_names": []}, "ch_names has 0 entries for 2 channels"),
        ({"ch_types": ["eeg"]}, "ch_types has 1 entries for 2 channels"),
        ({"ch_names": "Oz"}, "ch_names is 'Oz': "),
        ({"trained_on": ["sub-01"]}, "trained_on names 1 of 2 people"),
        ({"seed": None}, "seed is None: "),
        ({"sfreq": "fast"}, "sfreq is 'fast': "),
        ({"sfreq": 0}, "sfreq is 0.0, allowed: a positive number of Hz"),
        ({"sfreq": float("nan")}, "sfreq is nan, allowed: "),
        ({"tmin": float("inf")}, "tmin is inf, allowed: a number of seconds"),
        ({"gallery_view": []}, r"gallery_view is \[\], allowed: a name, or several"),
        ({"ch_names": ["Oz", "Oz"]}, "ch_names has more than once: Oz"),
        ({"trained_on": ["sub-01", "sub-01"]}, "trained_on has more than once: sub-01"),
        ({"protocol": "cross"}, "protocol is 'cross': "),
        ({"feature_scale": "log"}, "feature_scale is 'log': "),
        ({"preprocessing": []}, "preprocessing is"),
        ({"metrics": {"loss": "low"}}, "metrics.loss.* is 'low': "),
        ({"kind": "quantum"}, "kind is 'quantum', allowed: alignment, bravl; train it again"),
        ({"subject": "s" * 10_000, "seed": "x" * 10_000}, "seed is 'x{20}"),
    ],
)
def test_what_does_not_belong_is_named(read, changes, message):
    with pytest.raises(InputError, match=message) as raised:
        read(described(**changes))
    assert len(str(raised.value)) < 600
    assert "train it again with 'dvc repro'" in str(raised.value)
