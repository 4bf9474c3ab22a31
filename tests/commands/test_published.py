"""What is promised of published figures."""

from pathlib import Path

import pytest
import yaml

from pipeline_lib.commands.preset import preset_names, read_preset
from pipeline_lib.commands.published import TITLES, checked_figures, published_study, why_not_comparable
from pipeline_lib.common.errors import InputError

WHERE = Path("odd.yaml")
WITH_FIGURES = [name for name in preset_names() if read_preset(name).published]


def test_figures_by_hand():
    content = yaml.safe_load(
        "{things-eeg2: {intra: [48.1, 78.1]}, things-meg: {intra: [32.2, null], inter: [3, null]}}"
    )
    assert checked_figures(content, WHERE) == {
        "things-eeg2": {"intra": (48.1, 78.1)},
        "things-meg": {"intra": (32.2, None), "inter": (3, None)},
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("null", "odd.yaml: published is None, must be a mapping"),
        ("{}", "published is {}, must be a mapping"),
        ("[1, 2]", "must be a mapping"),
        (
            "{things-eeg: {intra: [1, 2]}}",
            "a study of published is 'things-eeg', allowed: .*did you mean 'things-eeg2'",
        ),
        ("{things-eeg2: [1, 2]}", r"published.things-eeg2 is \[1, 2\], must be a mapping"),
        ("{things-eeg2: {intr: [1, 2]}}", "a protocol of published.things-eeg2 is 'intr', .*did you mean 'intra'"),
        ("{things-eeg2: {intra: 48.1}}", r"published.things-eeg2.intra is 48.1, allowed: \[top-1, top-5\] in percent"),
        ("{things-eeg2: {intra: [48.1]}}", "allowed"),
        ("{things-eeg2: {intra: [48.1, 78.1, 90]}}", "allowed"),
        ("{things-eeg2: {intra: [48.1, true]}}", "allowed"),
        ("{things-eeg2: {intra: [48.1, 178]}}", "allowed"),
        ("{things-eeg2: {intra: [-1, null]}}", "allowed"),
        ("{things-eeg2: {intra: ['48.1', 78.1]}}", "allowed"),
        ("{things-eeg2: {intra: [.nan, 78.1]}}", "allowed"),
    ],
)
def test_figures_that_are_none(content, message):
    with pytest.raises(InputError, match=message):
        checked_figures(yaml.safe_load(content), WHERE)


def test_a_preset_may_hold_them(tmp_path):
    content = {"why": "x", "source": "x", "set": {}, "published": {"things-meg": {"inter": [1.5, None]}}}
    (tmp_path / "some.yaml").write_text(yaml.safe_dump(content))
    assert read_preset("some", tmp_path).published == {"things-meg": {"inter": (1.5, None)}}
    (tmp_path / "some.yaml").write_text(yaml.safe_dump(content | {"publishd": {}}))
    with pytest.raises(InputError, match="holds publishd"):
        read_preset("some", tmp_path)


def test_what_neuroalign_printed():
    assert read_preset("neuroalign").published["things-eeg2"] == {"intra": (48.1, 78.1), "inter": (14.5, 36.4)}
    assert read_preset("neuroalign").published["things-meg"] == {"intra": (26.5, 53.3), "inter": (3.9, 13.1)}
    assert read_preset("neuroalign-no-dla").published["things-eeg2"]["intra"] == (24.7, 58.4)


@pytest.mark.parametrize("name", WITH_FIGURES)
def test_top_5_is_no_less_than_top_1(name):
    for protocols in read_preset(name).published.values():
        for top1, top5 in protocols.values():
            assert top1 is None or top5 is None or top1 < top5


def test_which_study_they_are_of():
    assert published_study("things-eeg2-17") == "things-eeg2"
    assert published_study("phantom") == "things-eeg2"
    assert published_study("phantom-meg") == "things-meg"
    assert published_study("mine") == ""
    assert published_study("mine", "things-meg") == "things-meg"
    assert {published_study(name) for name in TITLES} == set(TITLES)
    with pytest.raises(InputError, match="--published-as is 'things', allowed: things-eeg2, things-meg"):
        published_study("mine", "things")


def test_what_compares():
    assert why_not_comparable("things-eeg2", {200}) == ""
    assert why_not_comparable("things-eeg2", set()) == ""
    assert why_not_comparable("phantom", {200}) == "the phantom study is synthetic"
    assert why_not_comparable("things-eeg2", {200, 60}) == "ours are among 60 images, the published among 200"
    assert why_not_comparable("things-eeg2", {"198-200"}) == "ours are among 198-200 images, the published among 200"
