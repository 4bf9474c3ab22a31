"""The report page: one HTML file that holds all it shows, with every text from outside escaped.

MNE's Report makes the frame and escapes titles; the bodies of its items are raw, so all of them are made here. Figures
too: of one whose width is no whole number of pixels, MNE 1.13 shifts every line against the one before.
"""

import warnings
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from pipeline_lib.common.outputs import written_whole

# Whatever the page's parts may ask for: a browser that reads this line fetches nothing.
NOTHING_FETCHED = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; font-src data:; '
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">"
)
STYLE = (
    "<style>.trialign td, .trialign li {white-space: pre-wrap; overflow-wrap: break-word} "
    ".trialign td {max-width: 40em} .accordion-body {overflow-x: auto}</style>"
)
CONTROL_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\r"} | {127: 0x2421}
LONGEST = 2000  # letters of a cell


@dataclass(frozen=True)
class Lines:
    """Sentences, one below the other."""

    title: str
    lines: Sequence[str]


@dataclass(frozen=True)
class Rows:
    """A table; its cells are shown as texts."""

    title: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class Drawing:
    """A figure, and what is to be said about it."""

    title: str
    figure: Figure
    caption: str = ""


Item = Lines | Rows | Drawing


class Page:
    """Collects items under themes, in the order in which they come.

    Parameters
    ----------
    title : str
        Of the page.
    dpi : int
        Of the figures, which become PNG.
    """

    def __init__(self, title: str, dpi: int) -> None:
        import mne

        self._dpi = dpi
        self._report = mne.Report(title=shown(title), image_format="png", verbose="error")
        self._report.include = NOTHING_FETCHED + self._report.include + STYLE

    def add(self, theme: str, item: Item) -> None:
        """Put an item under a theme."""
        if isinstance(item, Drawing):
            body, tag = figure_html(item, self._dpi), "figure"
        elif isinstance(item, Rows):
            body, tag = table_html(item.frame), "table"
        else:
            body, tag = lines_html(item.lines), "text"
        self._report.add_html(body, shown(item.title), section=shown(theme), tags=(tag,))

    def save(self, path: Path) -> None:
        """Write the page, whole or not at all."""
        with written_whole(path) as unfinished:
            self._report.save(unfinished, open_browser=False, overwrite=True, verbose="error")


def shown(text: str) -> str:
    """`text` with letters that HTML cannot hold replaced by pictures of them, as for the zero byte, or by "?"."""
    return str(text).translate(CONTROL_PICTURES).encode("utf-8", "replace").decode("utf-8")


def escaped(text: str) -> str:
    """`text` as the content of an HTML element; a very long one is cut, and says so."""
    cut = text[:LONGEST] + (f" … ({len(text):,} letters)" if len(text) > LONGEST else "")
    return escape(shown(cut)).replace("\r", "&#13;")


def lines_html(lines: Sequence[str]) -> str:
    """A list of sentences."""
    items = "".join(f"<li>{escaped(line)}</li>" for line in lines)
    return f'<ul class="trialign">{items}</ul>'


def table_html(frame: pd.DataFrame) -> str:
    """A table with the columns' names above; missing values are empty cells."""
    head = "".join(f"<th>{escaped(str(name))}</th>" for name in frame)
    rows = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in frame.itertuples(index=False))
    start = '<table class="trialign table table-sm table-striped table-hover small">'
    return f"{start}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def figure_html(drawing: Drawing, dpi: int) -> str:
    """A figure as PNG inside the text, its title for those who cannot see it, and its caption below."""
    source = f"data:image/png;base64,{b64encode(png(drawing.figure, dpi)).decode('ascii')}"
    image = f'<img class="img-fluid mx-auto d-block" alt="{escaped(drawing.title)}" src="{source}">'
    caption = f'<figcaption class="figure-caption text-center">{escaped(drawing.caption)}</figcaption>'
    return f'<figure class="figure d-block">{image}{caption if drawing.caption else ""}</figure>'


def png(figure: Figure, dpi: int) -> bytes:
    """A figure as a PNG file; Matplotlib's own ``savefig`` would draw it twice, once for the layout alone."""
    content = BytesIO()
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a text may hold letters that the font lacks
        canvas.draw()
    Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(content, format="png")
    return content.getvalue()


def _cell(value: object) -> str:
    return f"<td>{'' if value is None or value != value else escaped(str(value))}</td>"
