"""What a page holds, as it is written and once its scripts have run."""

from html.parser import HTMLParser
from pathlib import Path

from tests.reporting.looking import CONSOLE, find_browser, run_browser

OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"),
    *("--enable-logging=stderr", "--virtual-time-budget=10000", "--dump-dom"),
)


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text outside of scripts.

    Attributes
    ----------
    tags : list of (str, dict)
    text : list of str
    """

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.cdata_elem is None and data.strip():
            self.text.append(data.strip())

    def loaded(self) -> list[str]:
        """What it loads from elsewhere: sources of scripts, pictures and frames, and stylesheets."""
        named = [attrs.get("src") for tag, attrs in self.tags if tag != "a"]
        named += [attrs.get("href") for tag, attrs in self.tags if tag == "link"]
        return [name for name in named if name and not name.startswith("data:")]


def opened(path: Path) -> tuple[Page, list[str]]:
    """The page once its scripts have run, and the lines of its console; the test is skipped without a browser."""
    dom, log = run_browser([find_browser(), *OPTIONS, path.as_uri()])
    return Page(dom), CONSOLE.findall(log)
