"""Every cell of a table of text comes back as it was written; what is no such table is one line."""

import csv

import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.text_tables import read_text_table

AWKWARD = [
    "",
    "NA",
    "007",
    "1e3",
    "null",
    ' "quoted", ',
    "two\nlines\r\nmore\rof them\u2028",
    "🦊 <b>&amp;</b>",
    "tab\there",
]


@pytest.fixture
def write(tmp_path):
    def written(content, name="table.csv"):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / name

    return written


def read(path, columns=()):
    return read_text_table(path, columns, cure="make it")


@pytest.mark.parametrize("name", ["table.csv", "table.tsv", "table"])
def test_every_text_comes_back_as_it_was(tmp_path, name):
    with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
        delimiter = "\t" if name.endswith(".tsv") else ","
        rows = [("a", "b"), *zip(AWKWARD, reversed(AWKWARD), strict=True)]
        csv.writer(file, quoting=csv.QUOTE_ALL, delimiter=delimiter).writerows(rows)
    table = read(tmp_path / name, ("b",))
    assert table["a"].tolist() == AWKWARD
    assert table["b"].tolist() == AWKWARD[::-1]


def test_a_byte_order_mark_is_none_of_the_first_column(write):
    assert list(read(write("\ufeffa,b\n1,2\n"))) == ["a", "b"]


def test_cells_that_are_not_there_are_empty(write):
    assert read(write("a,b,c\n1\n1,2\n")).to_numpy().tolist() == [["1", "", ""], ["1", "2", ""]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"not a csv table \(.*\); save it as UTF-8 with commas between fields"),
        (b"a,b\n\xff\xfe,1\n", "not a csv table"),
        (b'a,b\n"1,2\n', "not a csv table"),
        (b"a,b\n1,2\n1,2,3\n", "not a csv table"),
        (b"a,b\n1,2,3\n4,5,6\n", "rows have more fields than the header; put quotes around fields that hold commas"),
        (b"a,b\n1,2\n", r"columns are missing: x, y; it has: a, b$"),
    ],
)
def test_what_is_no_such_table_is_one_line(write, content, message):
    with pytest.raises(InputError, match=rf"table\.csv: {message}") as caught:
        read(write(content), ("x", "a", "y"))
    assert "\n" not in str(caught.value)


def test_a_file_with_tabs_is_told_of_tabs(write):
    with pytest.raises(InputError, match="quotes around fields that hold tabs"):
        read(write("a\tb\n1\t2\t3\n", "table.tsv"))


@pytest.mark.parametrize("name", ["gone.csv", "."])
def test_a_missing_file_says_what_to_do(tmp_path, name):
    with pytest.raises(InputError, match=r"no such list of images; draw some$"):
        read_text_table(tmp_path / name, what="list of images", cure="draw some")
