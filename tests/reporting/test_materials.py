"""Tables are read as they were written, whatever names they hold."""

import pandas as pd
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.reporting.materials import Materials


@pytest.fixture
def materials(tmp_path):
    stimuli = StimulusTable(pd.DataFrame({"image_id": ["a"], "file": ["a.jpg"]}))
    return Materials(tmp_path, tmp_path, tmp_path, tmp_path / "captions.csv", stimuli, [], {}, None, None)


def test_names_that_look_like_numbers_or_nothing_stay_names(materials):
    names = ["None", "NA", "007", "", "nan"]
    pd.DataFrame({"concept": names, "rank": range(5)}).to_csv(materials.metrics / "x.csv", index=False)
    table = materials.table("x.csv")
    assert table["concept"].tolist() == names
    assert table["rank"].sum() == 10


def test_only_empty_numbers_are_missing(materials):
    (materials.metrics / "x.csv").write_text("similarity_1,found_1\n,a\n0.5,\n")
    table = materials.table("x.csv")
    assert table["similarity_1"].isna().tolist() == [True, False]
    assert table["found_1"].tolist() == ["a", ""]


def test_a_header_alone_is_an_empty_table(materials):
    (materials.metrics / "x.csv").write_text("protocol,top1\n")
    assert materials.table("x.csv").empty


@pytest.mark.parametrize("content", [b"", b'a\n"', b"\xff\xfe\x00a"])
def test_refuses_what_is_no_table(materials, content):
    (materials.metrics / "x.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"x.csv: is no table .*; remove it and run 'dvc repro'"):
        materials.table("x.csv")


def test_says_how_to_get_what_is_missing(materials):
    with pytest.raises(InputError, match=r"x.csv: no such table; 'dvc repro' makes it"):
        materials.table("x.csv")


@pytest.mark.parametrize("content", [None, b"no picture"])
def test_a_picture_that_cannot_be_read_is_none(materials, content):
    if content:
        (materials.images / "a.jpg").write_bytes(content)
    assert materials.picture("a", 8) is None
    assert materials.picture("unknown", 8) is None
