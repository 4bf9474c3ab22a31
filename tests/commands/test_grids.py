"""Tables of text in every form: what stands in them stays text."""

import csv
from html.parser import HTMLParser

import pytest
from rich.console import Console

from pipeline_lib.commands.grids import as_csv, as_html, as_markdown, check_form, render, write_grid
from pipeline_lib.commands.pivot import Grid
from pipeline_lib.common.errors import InputError

HOSTILE = ["<script>alert(1)</script>", "a|b `c` *d* [e](f)", "[red]x[/red]", 'two\nlines, "q"', "\\"]
GRID = Grid(["<name>", "a|b"], [[text, "1"] for text in HOSTILE], 1, ["a note & <more>"])


class Cells(HTMLParser):
    """The text of each cell, and all tags."""

    def __init__(self):
        super().__init__()
        self.tags, self.cells = set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag in ("td", "th", "caption"):
            self.cells.append("")

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data


def test_html_holds_nothing_but_the_table():
    page = Cells()
    page.feed(as_html(GRID))
    assert page.tags == {"table", "caption", "tr", "th", "td"}
    cells = [text.rstrip("\n") if text.endswith("\n") else text for text in page.cells]
    assert cells == ["a note & <more>", "<name>", "a|b", *(cell for text in HOSTILE for cell in (text, "1"))]


def test_csv_is_read_back():
    assert list(csv.reader(as_csv(GRID).splitlines(keepends=True))) == [GRID.header, *GRID.rows]


def test_markdown_keeps_its_columns_and_shows_no_markup():
    lines = as_markdown(GRID).splitlines()
    assert lines[:2] == [r"| &lt;name&gt; | a\|b |", "| --- | --: |"]
    assert lines[2] == "| &lt;script&gt;alert(1)&lt;/script&gt; | 1 |"
    assert lines[3] == r"| a\|b \`c\` \*d\* \[e\](f) | 1 |"
    assert lines[5] == '| two lines, "q" | 1 |'
    assert lines[-1] == "- a note &amp; &lt;more&gt;"


def test_the_terminal_shows_brackets_as_they_are():
    console = Console(width=200)
    with console.capture() as said:
        console.print(render(GRID))
    assert "[red]x[/red]" in said.get()


@pytest.mark.parametrize("name", ["a.csv", "a.md", "a.html"])
def test_the_ending_says_the_form(tmp_path, name):
    check_form(tmp_path / name)
    write_grid(GRID, tmp_path / name)
    assert (tmp_path / name).read_text(encoding="utf-8")


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"--out is '.*a\.xlsx', allowed: a file that ends in \.csv, \.md, \.html"):
        check_form(tmp_path / "a.xlsx")
