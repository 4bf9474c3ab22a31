"""Captions that need no model: class names, the user's own table, none."""

import pytest

from pipeline_lib.captioning.params import CaptionParams
from pipeline_lib.captioning.sources import make_captions
from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import validated
from tests.captioning.small_study import small_table

TABLE = small_table()
IDS = TABLE.frame["image_id"].tolist()


@pytest.fixture
def section(params, tmp_path):
    """The shipped section `caption` with changes."""

    def changed(**values):
        params["caption"].update(values)
        return validated(params, "caption", CaptionParams)

    return changed


def own_table(tmp_path, lines, name="own.csv"):
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_shipped_section_is_valid(params):
    assert validated(params, "caption", CaptionParams).source == "blip2"


def test_labels_are_worded_as_the_parameters_say(section, tmp_path):
    table = make_captions(section(source="label"), TABLE, tmp_path / "nowhere").table
    assert table.texts(IDS)[0] == "a photo of a red star"
    assert table.texts(IDS)[5] == 'a photo of a don\'t, "quote"'
    assert set(table.frame["source"]) == {"label"}


def test_labels_need_their_wording(section, params, tmp_path):
    del params["caption"]["prompts"]["label"]
    with pytest.raises(InputError, match=r"caption\.label_prompt is 'label', allowed: A, B, C, picture"):
        make_captions(section(source="label"), TABLE, tmp_path)


@pytest.mark.parametrize(
    ("name", "text"), [("picture", "This picture is red star"), ("my {concept}, seen", "my red star, seen")]
)
def test_labels_may_be_worded_otherwise(section, tmp_path, name, text):
    table = make_captions(section(source="label", label_prompt=name), TABLE, tmp_path).table
    assert table.texts(IDS)[0] == text
    assert set(table.frame["model"] + table.frame["revision"]) == {""}


def test_none_has_no_rows(section, tmp_path):
    assert len(make_captions(section(source="none"), TABLE, tmp_path).table) == 0


def test_own_captions_are_joined_by_name_in_any_order(section, tmp_path):
    lines = [f"/elsewhere/{image_id}.jpg,caption of {image_id}" for image_id in reversed(IDS)]
    path = own_table(tmp_path, ["image,caption", *lines])
    table = make_captions(section(source="file", path=str(path)), TABLE, tmp_path).table
    assert table.frame["image_id"].tolist() == IDS
    assert table.texts(IDS) == [f"caption of {image_id}" for image_id in IDS]
    assert table.frame["model"].tolist() == ["own.csv"] * 6


def test_own_captions_may_be_tab_separated_and_named_by_stem(section, tmp_path):
    lines = [f"{image_id.rsplit('/')[-1]}\ta, b" for image_id in IDS]
    path = own_table(tmp_path, ["file\ttext", *lines], name="own.tsv")
    assert set(make_captions(section(source="file", path=str(path)), TABLE, tmp_path).table.texts(IDS)) == {"a, b"}


def test_a_row_of_no_image_is_listed(section, tmp_path):
    lines = [f"{image_id},x" for image_id in IDS] + ["unicorn.jpg,y"]
    path = own_table(tmp_path, ["image_id,text", *lines])
    with pytest.raises(InputError, match=r"own\.csv.*unicorn\.jpg"):
        make_captions(section(source="file", path=str(path)), TABLE, tmp_path)


def test_own_captions_with_commas_that_nobody_quoted_are_refused(section, tmp_path):
    path = own_table(tmp_path, ["image,caption", *(f"{image_id},red, and a star" for image_id in IDS)])
    with pytest.raises(InputError, match="rows have more fields than the header; put quotes around fields that hold"):
        make_captions(section(source="file", path=str(path)), TABLE, tmp_path)


def test_an_image_without_row_is_listed(section, tmp_path):
    path = own_table(tmp_path, ["image_id,text", *(f"{image_id},x" for image_id in IDS[1:])])
    with pytest.raises(InputError, match=f"missing: {IDS[0]}"):
        make_captions(section(source="file", path=str(path)), TABLE, tmp_path)


def test_two_rows_of_one_image_are_refused(section, tmp_path):
    path = own_table(tmp_path, ["image_id,text", *(f"{image_id},x" for image_id in [*IDS, IDS[2] + ".png"])])
    with pytest.raises(InputError, match=f"more than once: {IDS[2]}"):
        make_captions(section(source="file", path=str(path)), TABLE, tmp_path)


@pytest.mark.parametrize("header", ["text,caption", "image_id,words"])
def test_a_missing_column_is_named(section, tmp_path, header):
    path = own_table(tmp_path, [header, "a,b"])
    with pytest.raises(InputError, match="needs a column named"):
        make_captions(section(source="file", path=str(path)), TABLE, tmp_path)


def test_a_missing_own_table_is_one_line(section, tmp_path):
    with pytest.raises(InputError, match=r"no such caption table; set caption\.path to it"):
        make_captions(section(source="file", path=str(tmp_path / "gone.csv")), TABLE, tmp_path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"source": "blip"}, "did you mean 'blip2'"),
        ({"source": "llava2"}, "did you mean 'llava'"),
        ({"sampling": {"enabled": True}}, r"caption\.sampling\.temperature is missing"),
        ({"batch_size": 0}, r"caption\.batch_size is 0"),
        ({"max_new_tokens": -1}, r"caption\.max_new_tokens is -1"),
        ({"dtype": "int4"}, r"caption\.dtype is 'int4'"),
        ({"promt": "A"}, "unknown parameter caption.promt .*did you mean 'prompt'"),
    ],
)
def test_a_wrong_parameter_is_named(section, values, message):
    with pytest.raises(InputError, match=message):
        section(**values)
