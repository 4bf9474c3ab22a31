"""From codes and names to images."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.stimulus_table import COLUMNS, StimulusTable
from pipeline_lib.decoding.shown import gallery_items, shown_images

FILE = Path("new.fif")
ROWS = [("train/cat", "train", 1), ("test/cat", "test", 1), ("test/dog", "test", 2), ("center/dog", "center", 0)]
TABLE = StimulusTable(
    pd.DataFrame([(name, f"{name}.jpg", "x", split, code) for name, split, code in ROWS], columns=list(COLUMNS))
)


def shown(words, table=TABLE, split="test", gallery=(), named=False):
    events = pd.DataFrame({"onset": range(len(words)), "word": words})
    trials, left_out = shown_images(events, table, split, list(gallery), named=named, file=FILE)
    return dict(zip(trials["onset"], trials["shown"], strict=True)), left_out


def test_codes_are_those_of_the_split():
    assert shown([2, 1, 1]) == ({0: "test/dog", 1: "test/cat", 2: "test/cat"}, "")
    assert shown([1], split="train") == ({0: "train/cat"}, "")


def test_other_codes_are_no_trials():
    assert shown([9, 1, 9, 7]) == ({1: "test/cat"}, "events that stand for no image: 9 (2 times), 7")


def test_names_are_looked_for_in_the_table():
    assert shown(["/data/test/dog.jpg", "button"]) == ({0: "test/dog"}, "events that stand for no image: button")


def test_without_a_table_names_are_looked_for_in_the_gallery():
    gallery = ["a/cat", "a/dog"]
    assert shown(["cat.png", "button"], None, gallery=gallery)[0] == {0: "a/cat"}
    assert shown(["cat.png", "bird.png"], None, gallery=gallery, named=True)[0] == {0: "a/cat", 1: "bird.png"}


def test_without_a_table_what_is_unknown_is_still_a_trial():
    assert shown([5, 6], None) == ({0: "", 1: ""}, "")
    assert shown(["on", "on"], None, gallery=["cat"]) == ({0: "", 1: ""}, "")
    assert shown(["", ""]) == ({0: "", 1: ""}, "")


def test_no_event_stands_for_an_image():
    with pytest.raises(InputError, match=r"new.fif: no event .* \(9 \(2 times\)\); its codes of split test are 1..2"):
        shown([9, 9])


def test_a_name_of_several_images():
    with pytest.raises(InputError, match="image 'cat' could be any of train/cat, test/cat; give its folder too"):
        shown(["cat"])


def test_rows_of_the_gallery():
    items = gallery_items(["test/dog", "", "bird", "test/cat", "test/dog"], ["01/cat", "dog"], where="photos")
    assert items.tolist() == [1, -1, -1, -1, 1]
    assert gallery_items(["test/cat"], ["cat", "dog"], where="photos").tolist() == [0]


def test_a_recording_without_events():
    with pytest.raises(InputError, match=r"new\.fif: holds no events; give them with --events"):
        shown([])
