"""`dvc plots` with the project's own plots, templates and page: all is drawn, named, and needs no network."""

import json
import shutil

import pandas as pd
import pytest
import vl_convert
import yaml

from pipeline_lib.reporting.plots_page import as_inline_script, plots_page
from tests.commands.fake_project import commit, shell
from tests.reporting.html_pages import Page, opened

HOSTILE = "<img src=x onerror=alert(1)> \"'&{refresh_tag}"
WHERE = [(protocol, gallery) for protocol in ("intra", "inter") for gallery in ("image", "class-center")]
REGIONS = ["occipital", "parietal", "temporal", "central", "frontal"]
CHANCES = [0.025, 0.125]


def write_tables(folder, shift):
    """Every table that a plot reads; accuracies say by their first digit which panel they belong to."""
    folder.mkdir(parents=True, exist_ok=True)
    levels = {where: (number + 1) / 5 + shift for number, where in enumerate(WHERE)}
    runs = [f"{protocol} sub-0{n} {HOSTILE}" for protocol in ("intra", "inter") for n in (1, 2)]
    loss = [(run, epoch, 3 / epoch + shift + number / 9) for number, run in enumerate(runs) for epoch in (1, 2, 3)]
    table(folder / "curves.csv", "run epoch valid_loss", loss)
    for name, column, values in (("top_k", "k", range(1, 11)), ("n_way", "n", (2, 4, 10))):
        rows = [
            (*where, way, value, levels[where] if way == "from-brain" else 0.99, value / 40)
            for where in WHERE
            for way in ("from-brain", "to-brain")
            for value in values
        ]
        table(folder / f"{name}.csv", f"protocol gallery direction {column} accuracy chance", rows)
    windows = [("full", 0, 1), ("growing", 0, 0.2), ("growing", 0, 0.4), ("shrinking", 0.5, 1), ("sliding", 0.1, 0.3)]
    rows = [(protocol, *window, 0.4 + shift, 0.5, *CHANCES) for protocol in ("intra", "inter") for window in windows]
    table(folder / "time_windows.csv", "protocol kind start stop top1 top5 chance1 chance5", rows)
    rows = [
        (protocol, kind, region, 9, 0.4 + shift, 0.5, *CHANCES)
        for protocol in ("intra", "inter")
        for kind in ("all", "without", "only")
        for region in (REGIONS if kind != "all" else ["all"])
    ]
    table(folder / "regions.csv", "protocol kind region n_channels top1 top5 chance1 chance5", rows)


def table(path, columns, rows):
    pd.DataFrame(rows, columns=columns.split()).to_csv(path, index=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory, project_root):
    """A project of plots only, with two commits whose tables differ."""
    folder = tmp_path_factory.mktemp("plots") / "project"
    folder.mkdir()
    for words in (("git", "init", "-q", "-b", "main"), ("dvc", "init", "-q")):
        shell(folder, *words)
    for key, value in (("user.email", "test@example.org"), ("user.name", "test")):
        shell(folder, "git", "config", key, value)
    shutil.copy(project_root / ".dvc" / "config", folder / ".dvc" / "config")
    shutil.copytree(project_root / ".dvc" / "plots", folder / ".dvc" / "plots")
    plots = yaml.safe_load((project_root / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"plots": plots}))
    for tag, shift in (("first", 0.0), ("second", 0.05)):
        write_tables(folder / "metrics" / "plots", shift)
        commit(folder, tag)
        shell(folder, "git", "tag", tag)
    (folder / "metrics" / "plots_page.html").write_text(plots_page(), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def specifications(project):
    """What DVC makes of templates and tables of both commits, by the plot's name."""
    shown = json.loads(shell(project, "dvc", "plots", "diff", "first", "second", "--json"))
    assert not shown.get("errors")
    return {name: plot[0]["content"] for name, plot in shown["data"].items()}


def test_every_plot_has_title_units_and_both_commits(specifications):
    assert len(specifications) == 5
    for name, content in specifications.items():
        text = json.dumps(content)
        assert content["title"]["text"], name
        assert "<DVC_METRIC" not in text, name
        assert '"domain": ["first", "second"]' in text, name
        titles = {axis["title"] for axis in _axes(content) if axis.get("title")}
        assert len(titles) == 2, name
        assert all("(" in title or title in ("epoch", "region") for title in titles), name


def _axes(content):
    for layer in content["spec"]["layer"]:
        yield from (layer["encoding"][name] for name in ("x", "y") if name in layer["encoding"])


@pytest.mark.parametrize(("name", "column"), [("Top-k accuracy", "k"), ("n-way accuracy", "n")])
def test_panels_bear_their_own_names(specifications, name, column):
    # Rows and columns of a facet with unsorted names once fell apart.
    scene = vl_convert.vegalite_to_scenegraph(specifications[name])
    across = {_title(item): item["x"] for item in _items(scene, "column_header")}
    down = {_title(item): item["y"] for item in _items(scene, "row_header")}
    for number, (protocol, gallery) in enumerate(WHERE):
        (cell,) = [
            item for item in _items(scene, "cell") if (item["x"], item["y"]) == (across[protocol], down[gallery])
        ]
        heights = {1 - symbol["y"] / cell["height"] for symbol in _symbols(cell)}
        assert sorted(heights) == pytest.approx([(number + 1) / 5, (number + 1) / 5 + 0.05])


def _walk(node):
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from _walk(part)


def _items(scene, name):
    return [item for node in _walk(scene) if node.get("name") == name for item in node["items"]]


def _title(item):
    (title,) = [node for node in _walk(item) if node.get("role") == "title"]
    return next(node["text"] for node in _walk(title) if "text" in node)


def _symbols(cell):
    return [item for node in _walk(cell) if node.get("marktype") == "symbol" for item in node["items"]]


def test_windows_stand_at_the_end_the_start_or_the_middle(specifications):
    compiled = vl_convert.vegalite_to_scenegraph(specifications["Time windows"])
    titles = [_title(item) for item in _items(compiled, "column_header")]
    assert [title.split(":")[0] for title in titles] == ["growing", "shrinking", "sliding"]
    places = [[item["x"] for item in _symbols(cell)] for cell in _items(compiled, "cell")[:3]]
    growing, shrinking, sliding = (sorted(set(place)) for place in places)
    assert growing[0] == pytest.approx(sliding[0])  # until 0.2 s; around 0.2 s
    assert growing[0] < growing[1] < shrinking[0]  # until 0.4 s; from 0.5 s


def test_regions_are_compared_with_all_channels(specifications):
    compiled = vl_convert.vegalite_to_scenegraph(specifications["Regions"])
    assert [_title(item) for item in _items(compiled, "column_header")] == ["without this region", "this region only"]
    cells = _items(compiled, "cell")
    for cell in cells:
        bars = [item for node in _walk(cell) if node.get("marktype") == "rect" for item in node["items"]]
        rules = [item["x"] for node in _walk(cell) if node.get("marktype") == "rule" for item in node["items"]]
        assert len([bar for bar in bars if bar.get("width")]) == 2 * len(REGIONS)
        ends = sorted({bar["x"] + bar["width"] for bar in bars if bar.get("width")})
        assert [end in [pytest.approx(rule) for rule in rules] for end in ends] == [True, True]


@pytest.mark.parametrize("words", [("show",), ("diff", "first", "second")])
def test_the_page_is_drawn_without_a_network(project, tmp_path, words):
    shell(project, "dvc", "plots", *words, "-o", str(tmp_path / "out"))
    path = tmp_path / "out" / "index.html"
    assert Page(path.read_text(encoding="utf-8")).loaded() == []
    page, complaints = opened(path)
    assert complaints == []
    assert page.loaded() == []
    assert len([attrs for tag, attrs in page.tags if tag == "svg" and "marks" in (attrs.get("class") or "")]) == 5
    assert {"Top-k accuracy, from brain to gallery", "time from onset (s)", "chance", "class-center"} <= set(page.text)
    assert "img" not in {tag for tag, _ in page.tags}


def test_a_plot_that_cannot_be_drawn_says_so_in_its_place(tmp_path):
    bad = "<div id='one'></div><script>vegaEmbed('#one', {title: {text: 'Broken'}, nonsense: 1})</script>"
    (tmp_path / "page.html").write_text(plots_page().replace("{plot_divs}", bad).replace("{refresh_tag}", ""))
    page, _ = opened(tmp_path / "page.html")
    assert any(text.startswith("Broken: ") for text in page.text)


def test_the_page_has_the_places_that_dvc_fills_once_each():
    page = plots_page()
    assert [page.count(f"{{{name}}}") for name in ("plot_divs", "refresh_tag", "scripts")] == [1, 1, 0]
    assert "default-src 'none'" in page


def test_code_does_not_end_its_element():
    assert as_inline_script("a='</script>';b='<!--'") == "a='<\\/script>';b='\\x3c!--'"


def test_the_page_is_where_dvc_looks_for_it(project_root):
    stage = yaml.safe_load((project_root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]["plots-page"]
    config = (project_root / ".dvc" / "config").read_text(encoding="utf-8")
    assert f"html_template = ../{stage['outs'][0]}" in config
