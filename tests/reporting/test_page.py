"""The page's own HTML: everything from outside is text, and nothing is asked from elsewhere."""

from html.parser import HTMLParser

import pandas as pd
import pytest
from matplotlib.figure import Figure

from pipeline_lib.reporting.page import LONGEST, Drawing, Lines, Page, Rows, escaped, lines_html, shown, table_html
from tests.reporting.addresses import outside_addresses

TEXTS = [
    "",
    "plain",
    "<script>alert(1)</script>",
    "\"quotes\" and 'apostrophes', commas; &amp; &lt; <b>",
    "two lines\nand\r\nmore\rof them\u2028here\tand a tab",
    "🦊 狐 é",
    "</td></table><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }} {% raw %}",
]


class Texts(HTMLParser):
    """The text of every cell and list item, as a browser would read it, and all tags that are opened."""

    def __init__(self, html):
        super().__init__()
        self.cells, self.tags = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag in ("td", "li"):
            self.cells.append("")

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data


@pytest.mark.parametrize("text", TEXTS)
def test_a_cell_is_read_as_it_was_written(text):
    read = Texts(table_html(pd.DataFrame({"name": [text]})))
    assert read.cells == [text]
    assert set(read.tags) == {"table", "thead", "tbody", "tr", "th", "td"}


def test_lines_are_read_as_they_were_written():
    assert Texts(lines_html(TEXTS)).cells == TEXTS


def test_columns_are_escaped_too():
    assert "<b>" not in table_html(pd.DataFrame({"<b>": [1]}))


def test_missing_values_are_empty_cells():
    assert Texts(table_html(pd.DataFrame({"a": [1.5, None], "b": ["x", None]}))).cells == ["1.5", "x", "", ""]


def test_letters_that_html_cannot_hold_are_shown_as_pictures():
    assert shown("a\0b\x1bc\x7f\n") == "a␀b␛c␡\n"
    assert shown("\ud800") == "?"


def test_a_very_long_text_is_cut_and_says_so():
    text = "x" * (LONGEST + 1)
    assert escaped(text).startswith("x" * LONGEST + " … (2,001 letters)")
    assert escaped(text[1:]) == text[1:]


@pytest.fixture
def written(tmp_path):
    def write(title, theme, item):
        page = Page(title, dpi=50)
        page.add(theme, item)
        page.save(tmp_path / "out" / "report.html")
        return (tmp_path / "out" / "report.html").read_text(encoding="utf-8")

    return write


@pytest.mark.parametrize("item", [Lines, Rows, Drawing])
def test_titles_and_bodies_are_escaped(written, item):
    evil = '<script>hacked = 1</script>"'
    content = {Lines: [evil], Rows: pd.DataFrame({evil: [evil]}), Drawing: Figure(figsize=(1, 1))}[item]
    html = written(evil, evil, item(evil, content))
    assert "<script>hacked" not in html
    assert "&lt;script&gt;hacked = 1&lt;/script&gt;" in html


def test_a_figure_is_a_png_with_a_text_for_those_who_cannot_see_it(written):
    html = written("title", "theme", Drawing("A figure", Figure(figsize=(1.45, 1)), "caption <b>"))
    assert 'alt="A figure" src="data:image/png;base64,iVBOR' in html
    assert "caption &lt;b&gt;</figcaption>" in html


def test_nothing_is_asked_from_elsewhere(written):
    html = written("title", "theme", Lines("lines", ["https://example.org/x.png"]))
    assert outside_addresses(html) == []
    assert "default-src 'none'" in html
    assert html.index("Content-Security-Policy") < html.index("<script")


def test_the_page_is_written_whole_or_not_at_all(tmp_path):
    page = Page("title", dpi=50)
    page.save(tmp_path / "report.html")
    before = (tmp_path / "report.html").read_bytes()

    def broken(*args, **kwargs):
        args[0].write_text("half")
        raise OSError("no space left")

    page._report.save = broken
    with pytest.raises(OSError, match="no space left"):
        page.save(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
