"""The caption table keeps every text as it is."""

import h5py
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.captioning.table import COLUMNS, caption_table, read_captions, write_captions
from pipeline_lib.common.errors import InputError

AWKWARD = [
    "",
    " ",
    "NA",
    "nan",
    "null",
    "1.0",
    'a "quoted" star',
    '"',
    "commas, commas,, commas",
    "two\nlines",
    "carriage\r\nreturn\ralone",
    "🦊 ausgewählt — 狐",
    "<b>html</b> &amp;",
    "=1+1",
    "back\\slash",
    "\ttab ",
    "line\u2028separator",
]


def round_trip(texts, tmp_path):
    ids = [f'train/{place}, "image"' for place in range(len(texts))]
    path = tmp_path / "captions.csv"
    write_captions(caption_table(ids, texts, source="file", prompts=texts, n_tokens=range(len(texts))), path)
    return ids, read_captions(path)


def test_awkward_texts_survive(tmp_path):
    ids, table = round_trip(AWKWARD, tmp_path)
    assert table.texts(ids) == AWKWARD
    assert table.frame["prompt"].tolist() == AWKWARD
    assert table.frame["n_tokens"].tolist() == list(range(len(AWKWARD)))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_any_text_survives(tmp_path_factory, texts):
    ids, table = round_trip(texts, tmp_path_factory.mktemp("any"))
    assert table.texts(ids) == texts


def test_awkward_texts_survive_in_hdf5_attributes(tmp_path):
    ids, table = round_trip(AWKWARD, tmp_path)
    said = dict(zip(map(str, range(len(ids))), table.texts(ids), strict=True))
    with h5py.File(tmp_path / "bank.h5", "w") as bank:
        bank.attrs.update(said)
    with h5py.File(tmp_path / "bank.h5") as bank:
        assert dict(bank.attrs) == said


def test_same_captions_same_bytes(tmp_path):
    round_trip(AWKWARD, tmp_path)
    first = (tmp_path / "captions.csv").read_bytes()
    round_trip(AWKWARD, tmp_path)
    assert (tmp_path / "captions.csv").read_bytes() == first


def test_no_captions_is_a_header(tmp_path):
    path = tmp_path / "captions.csv"
    write_captions(caption_table([], [], source="none"), path)
    assert path.read_text().replace('"', "") == ",".join(COLUMNS) + "\n"
    assert len(read_captions(path)) == 0


def test_texts_follow_the_ids_not_the_rows():
    table = caption_table(["x", "y", "z"], ["first", "second", "third"], source="file")
    assert table.texts(["z", "x", "x"]) == ["third", "first", "first"]


def test_an_image_without_caption_is_named():
    with pytest.raises(InputError, match=r"captions.*missing.*'?w"):
        caption_table(["x"], ["first"], source="file").texts(["x", "w"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"image_id,text\nx,y\n", "columns are missing: source, model, revision, prompt, n_tokens"),
        (b"image_id,source,model,revision,prompt,text,n_tokens\nx,,,,,y,many\n", "n_tokens must be whole numbers"),
        (b"\xff\xfe\x00", "not a csv table"),
        (b"", "not a csv table"),
        (b'image_id,source\n"x', "not a csv table"),
    ],
)
def test_a_damaged_table_is_one_line(tmp_path, content, message):
    path = tmp_path / "captions.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_captions(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_table_says_which_stage_makes_it(tmp_path):
    with pytest.raises(InputError, match="run 'dvc repro caption' first"):
        read_captions(tmp_path / "captions.csv")
