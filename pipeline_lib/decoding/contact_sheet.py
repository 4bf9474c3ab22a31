"""The contact sheet: one HTML page with what was shown and what was found, which loads nothing from anywhere.

Each picture stands in the page once, as a class of the style sheet. Whatever comes from outside (names, notes) is
escaped; there are no scripts, and the page itself forbids them.
"""

import base64
from collections.abc import Iterator, Sequence
from html import escape
from io import BytesIO
from pathlib import Path

import numpy as np

from pipeline_lib.common.outputs import written_whole
from pipeline_lib.decoding.ranking import Ranked

SIDE = 96  # pixels of a thumbnail
QUALITY = 80
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
STYLE = f"""
body {{ font: 14px/1.4 sans-serif; margin: 2em auto; max-width: 80em; padding: 0 1em; color: #222; background: #fff }}
h1 {{ font-size: 1.4em }}
table.settings td {{ padding: 0 1em 0 0; vertical-align: top }}
section {{ display: flex; flex-wrap: wrap; gap: .6em; border-top: 1px solid #ccc; padding: .6em 0 }}
figure {{ margin: 0; width: {SIDE + 8}px; overflow-wrap: anywhere; font-size: 11px }}
.t {{ width: {SIDE}px; height: {SIDE}px; border: 4px solid transparent;
      background: no-repeat padding-box; background-size: {SIDE}px {SIDE}px }}
.none {{ background: #eee; text-align: center; line-height: {SIDE}px; color: #666 }}
.shown {{ border-right: 1px solid #ccc; padding-right: .6em }}
.hit .t {{ border-color: #1a7f37 }}
.hit b {{ color: #1a7f37 }}
.about {{ width: 12em }}
"""


def write_contact_sheet(
    path: Path, ranked: Ranked, files: Sequence[Path], settings: dict[str, str], notes: Sequence[str], *, most: int
) -> None:
    """Write the page, whole or not at all.

    Parameters
    ----------
    path : Path
    ranked : Ranked
    files : sequence of Path
        The gallery's images, by row.
    settings : dict of str to str
        What is said at the top, line by line.
    notes : sequence of str
        What the user should know.
    most : int
        Trials on the page, at most: the first ones. The others stand in the table alone, which the page says.

    Raises
    ------
    InputError
        If an image does not decode.
    """
    n_shown = min(most, len(ranked.queries))
    left_out = len(ranked.queries) - n_shown
    if left_out:
        notes = [*notes, f"the first {n_shown} of {len(ranked.queries)} queries; the others are in ranking.csv"]
    with written_whole(path) as unfinished, unfinished.open("w", encoding="utf-8") as page:
        page.writelines(_page(ranked, files, settings, notes, n_shown))


def _page(
    ranked: Ranked, files: Sequence[Path], settings: dict[str, str], notes: Sequence[str], n_shown: int
) -> Iterator[str]:
    title = "Pictures decoded from brain responses"
    yield '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
    yield f"<title>{title}</title>\n<style>{STYLE}"
    yield from _pictures(ranked, files, n_shown)
    yield f'</style></head>\n<body><h1>{title}</h1>\n<table class="settings">'
    for name, value in settings.items():
        yield f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>\n"
    yield "</table>\n<ul>" if notes else "</table>\n"
    yield from (f"<li>{escape(note)}</li>\n" for note in notes)
    yield "</ul>\n" if notes else ""
    for row in range(n_shown):
        yield _query(ranked, row)
    yield "</body></html>\n"


def _pictures(ranked: Ranked, files: Sequence[Path], n_shown: int) -> Iterator[str]:
    """A class of the style sheet for each picture on the page."""
    used = {*ranked.found[:n_shown].ravel().tolist(), *ranked.queries["item"].iloc[:n_shown].tolist()}
    for row in sorted(used - {-1}):
        yield f".i{row} {{ background-image: url(data:image/jpeg;base64,{_thumbnail(files[row])}) }}\n"


def _thumbnail(file: Path) -> str:
    from PIL import Image

    from pipeline_lib.stimuli.images import load_image

    written = BytesIO()
    Image.fromarray(load_image(file, SIDE)).save(written, "JPEG", quality=QUALITY)
    return base64.b64encode(written.getvalue()).decode("ascii")


def _query(ranked: Ranked, row: int) -> str:
    query = ranked.queries.iloc[row]
    about = [f"<b>{query['trial']}</b>", *filter(None, [escape(Path(query["recording"]).name)])]
    if query["session"]:
        about.append(f"session {query['session']}")
    if np.isfinite(query["onset"]):
        about.append(f"{query['onset']:.3f} s")
    if query["trials"] > 1:
        about.append(f"mean of {query['trials']} trials")
    if query["rank"]:
        about.append(f"rank {query['rank']} of {len(ranked.image_ids)}")
    found = "".join(
        _figure(item, ranked.image_ids[item], f"{place}. {similarity:.3f}", hit=item == query["item"])
        for place, (item, similarity) in enumerate(zip(ranked.found[row], ranked.similarity[row], strict=True), 1)
    )
    shown = _figure(query["item"], query["shown"] or "unknown", "shown", hit=False)
    return f'<section><div class="about">{"<br>".join(about)}</div><div class="shown">{shown}</div>{found}</section>\n'


def _figure(item: int, name: str, place: str, *, hit: bool) -> str:
    """A picture of the gallery, or a grey square where there is none."""
    kind, text = (f"t i{item}", "") if item >= 0 else ("t none", "no picture")
    label = escape(name, quote=True)
    picture = f'<div class="{kind}" role="img" aria-label="{label}" title="{label}">{text}</div>'
    caption = f"<b>{escape(place)}{' ✓' if hit else ''}</b><br>{escape(Path(name).name)}"
    return f'<figure class="{"hit" if hit else "miss"}">{picture}<figcaption>{caption}</figcaption></figure>'
