"""A page in headless Chromium whose network is cut off: what it logs, what it shows, what it asks for."""

import json
import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from html import unescape

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LIMIT = 120  # seconds
CONSOLE = re.compile(r":CONSOLE[:(]\d+[\])]+ (.*)")
LOOK = """<script>window.alert = text => { window.hacked = `alert ${text}`; };
window.addEventListener("load", () => {
  const found = {
    images: [...document.images].map(image => [image.alt, image.naturalWidth]),
    asked: performance.getEntriesByType("resource").map(entry => entry.name).filter(name => !name.startsWith("data:")),
    hacked: String(window.hacked),
    tags: [...new Set([...document.body.querySelectorAll("*")].map(element => element.localName))],
    texts: [...document.querySelectorAll("td, li, figcaption")].map(element => element.textContent),
    scripts: document.body.querySelectorAll("script").length,
    title: document.title,
  };
  const place = document.createElement("pre");
  place.id = "looked-at";
  place.textContent = JSON.stringify(found);
  document.body.append(place);
});</script>"""


@dataclass(frozen=True)
class Seen:
    """What a browser saw.

    Attributes
    ----------
    console : list of str
        Messages, errors among them.
    images : list of (str, int)
        Alternative text and width in pixels, 0 for one that is missing.
    asked : list of str
        Addresses that the page fetched or tried to.
    hacked : str
        ``window.hacked``, which hostile texts would set.
    tags : list of str
        Kinds of elements in the body.
    texts : list of str
        Of cells, list items and captions.
    scripts : int
        Number of scripts in the body.
    title : str
    """

    console: list[str]
    images: list[tuple[str, int]]
    asked: list[str]
    hacked: str
    tags: list[str]
    texts: list[str]
    scripts: int
    title: str


def find_browser() -> str:
    """The browser's program; the test is skipped where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or pytest.skip(f"no browser: none of {', '.join(NAMES)} is on PATH")


def look_at(page, folder) -> Seen:
    """Open a copy of `page` that says what it holds; `folder` is for the copy and the browser's profile."""
    copy = folder / "looked-at.html"
    html = page.read_text(encoding="utf-8")
    copy.write_text(html.replace("<head>", f"<head>{LOOK}", 1), encoding="utf-8")
    command = [find_browser(), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-dev-shm-usage", f"--user-data-dir={folder / 'profile'}"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--virtual-time-budget=5000"]
    dom, log = run_browser([*command, "--dump-dom", copy.as_uri()])
    content = re.search(r'<pre id="looked-at">(.*?)</pre>', dom, re.DOTALL)
    assert content, f"the page was not loaded: {log[-2000:]}"
    return Seen(console=CONSOLE.findall(log), **json.loads(unescape(content[1])))


def run_browser(command: list[str]) -> tuple[str, str]:
    """What the browser writes to standard output and error; none of its processes outlives the time limit."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True}
    with subprocess.Popen(command, text=True, encoding="utf-8", errors="replace", **pipes) as browser:
        try:
            return browser.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(browser.pid, signal.SIGKILL)
            raise
