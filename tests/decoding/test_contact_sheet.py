"""The contact sheet loads nothing, runs nothing, and says everything as it is."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from pipeline_lib.decoding.contact_sheet import write_contact_sheet
from pipeline_lib.decoding.parts import trial_frame
from pipeline_lib.decoding.ranking import rank

EVIL = '<script>document.title = "run"</script>'
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
OFFLINE = ("--host-resolver-rules=MAP * ~NOTFOUND", "--disable-background-networking")


@pytest.fixture
def sheet(tmp_path):
    """A sheet of six queries and four images, one called by a script."""
    ids = ["cat", f"{EVIL}'\"&amp;", "owl", "dog"]
    files = []
    for number in range(len(ids)):
        files.append(tmp_path / f"{number}.png")
        Image.new("RGB", (40 + number, 30), (60 * number, 100, 200)).save(files[-1])
    queries = trial_frame(
        f"{EVIL}.fif", 0, np.array([0.5, 1.0, np.nan, 2.0, 2.5, 3.0]), ["owl", "", EVIL, "dog", "", ""]
    )
    similarity = np.random.default_rng(0).normal(size=(6, 4))
    ranked = rank(similarity, queries.assign(trials=1), np.array([2, -1, 1, 3, -1, -1]), ids, 3)

    def write(most=100):
        path = tmp_path / "out" / "sheet.html"
        write_contact_sheet(path, ranked, files, {"model": EVIL}, [f"note {EVIL}"], most=most)
        return path

    return write


def test_whatever_comes_from_outside_is_escaped(sheet):
    page = sheet().read_text(encoding="utf-8")
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 4
    assert "&#x27;&quot;&amp;amp;" in page


def test_nothing_is_loaded_from_elsewhere(sheet):
    page = sheet().read_text(encoding="utf-8")
    assert not re.search(r"https?:|//|src=|href=|@import", re.sub(r"base64,[A-Za-z0-9+/=]+", "", page))
    assert set(re.findall(r"url\(([a-z]+:[a-z/]+)", page)) == {"data:image/jpeg"}
    assert "default-src 'none'" in page


def test_each_picture_is_in_the_page_once(sheet):
    page = sheet().read_text(encoding="utf-8")
    assert page.count("base64,") == 4
    assert page.count("<section>") == 6
    used = set(re.findall(r'class="t (i\d+)"', page))
    assert used == set(re.findall(r"\.(i\d+) {", page))


def test_hits_are_marked(sheet):
    page = sheet().read_text(encoding="utf-8")
    for section in page.split("<section>")[1:]:
        rank_of = re.search(r"rank (\d)", section)
        assert ("✓" in section) == (rank_of is not None and int(rank_of[1]) <= 3)


def test_a_long_list_is_cut_and_says_so(sheet):
    page = sheet(most=2).read_text(encoding="utf-8")
    assert page.count("<section>") == 2
    assert "the first 2 of 6 queries; the others are in ranking.csv" in page


@pytest.mark.skipif(BROWSER is None, reason="needs chromium (Debian's package of that name)")
def test_it_opens_without_network_and_without_errors(sheet, tmp_path):
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", *OFFLINE, profile]
    shown = subprocess.run([*command, "--dump-dom", sheet().as_uri()], capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0
    assert "CONSOLE" not in shown.stderr
    assert "<title>Pictures decoded from brain responses</title>" in shown.stdout
    assert shown.stdout.count("<section>") == 6
    assert "<script" not in shown.stdout
