"""Tables of categories as users and THINGS have them."""

from pathlib import Path

import pytest

from pipeline_lib.analysis.categories import categories_of, read_categories
from pipeline_lib.common.errors import InputError
from pipeline_lib.phantom.image_set import plan_image_set, write_categories
from pipeline_lib.phantom.params import PhantomParams


@pytest.fixture
def table(tmp_path):
    """Write a table and return its path."""

    def write(text, name="categories.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_column_for_each_system(table):
    found = read_categories(table("concept,kind,colour\naircraft carrier,vehicle,grey\nplum, fruit ,\n"))
    assert found.index.name == "concept"
    assert found.to_dict("index") == {
        "aircraft carrier": {"kind": "vehicle", "colour": "grey"},
        "plum": {"kind": "fruit", "colour": ""},
    }


def test_no_table_has_no_systems():
    found = categories_of(None, ["plum", "plum", "bat"])
    assert found.shape == (3, 0)


def test_concepts_are_joined_by_their_words_in_the_order_that_was_asked(table):
    path = table("concept,kind\n00012_air_conditioner,device\nsugar-cane,plant\nplum,fruit\n")
    asked = ["plum", "air conditioner", "pear", "sugar cane", "plum", "00012_air_conditioner"]
    assert categories_of(path, asked)["kind"].tolist() == ["fruit", "device", "", "plant", "fruit", "device"]


def test_a_column_of_zeros_and_ones_for_each_category(table):
    rows = [
        "Word\tDefinition\tanimal\tbird\tfood\tgold",
        "cow\tan animal\t1\t0\t0\t",
        "duck\ta bird\t1\t1\t\t",
        "egg\ta thing\t\t\t1\t",
        "hen\ta bird\t1\t1\t1\t",
        "rock\ta thing\t0\t0\t0\t",
        "\t\t3\t2\t2\t0",
    ]
    found = read_categories(table("\n".join(rows), "things.tsv"))
    assert found.columns.tolist() == ["category"]
    # Of two categories of equal size the first column counts: bird and food hold two concepts each.
    assert found["category"].to_dict() == {"cow": "animal", "duck": "bird", "egg": "food", "hen": "bird", "rock": ""}


def test_words_of_several_meanings_are_numbered_as_in_things(table):
    found = read_categories(table("Word\tanimal\ttool\nbat\t1\t\nant\t1\t\nbat\t\t1\n", "things.tsv"))
    assert found["category"].to_dict() == {"bat1": "animal", "ant": "animal", "bat2": "tool"}


def test_the_table_of_things_fits_its_concepts(real_data):
    folder = real_data / "things-metadata"
    found = read_categories(folder / "Categories_final_20200131.tsv")["category"]
    with (folder / "things_concepts.tsv").open(encoding="utf-8") as file:
        names = [line.split("\t")[1] for line in file][1:]
    labels = categories_of(folder / "Categories_final_20200131.tsv", names)
    assert len(names) == len(found) == 1854
    assert labels["category"].tolist() == [found[" ".join(name.replace("-", "_").split("_"))] for name in names]
    assert (found["owl"], found["aardvark"], found["bat1"], found["bat2"]) == ("bird", "mammal", "mammal", "weapon")


def test_the_phantom_brings_a_table_of_its_concepts(params, tmp_path):
    images = plan_image_set(PhantomParams.model_validate(params["phantom"]))
    write_categories(images, tmp_path / "categories.csv")
    found = read_categories(tmp_path / "categories.csv")
    assert found.columns.tolist() == ["shape", "pattern", "colour"]
    assert found.nunique().tolist() == [6, 5, 8]
    assert len(found) == 240
    assert found.loc["striped red star"].tolist() == ["star", "striped", "red"]
    assert Path(params["analysis"]["categories"]) == Path(params["study"]["images"]) / "categories.csv"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a csv"),
        ("concept\nplum\n", "no column besides that of the concepts"),
        ("name,kind\nplum,fruit\n", "no column 'concept', but name, kind; analysis.categories needs one"),
        ("concept,kind\nplum,fruit\n00001_plum,tree\n", "concepts stand there more than once: plum"),
        (b"concept,kind\npl\xff\xfe,fruit\n", "not a csv"),
        ('concept,kind\n"plum,fruit\n', "not a csv"),
        ("concept,kind\npear,fruit\n", "holds none of the test concepts, which are plum, bat; set analysis.categories"),
    ],
)
def test_what_is_no_such_table_is_named_in_one_line(table, text, message):
    path = table(text)
    with pytest.raises(InputError, match=message) as caught:
        categories_of(path, ["plum", "bat", "plum"])
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_missing_table_is_named(tmp_path):
    for path in (tmp_path / "absent.csv", tmp_path):
        with pytest.raises(InputError, match=r"no such table of .*; correct analysis.categories, or set it to null"):
            read_categories(path)
