"""Stage `report` on a made-up study with hostile names: one page, whole, harmless, that needs nothing else."""

import copy
import csv
import json

import cv2
import numpy as np
import pytest
import yaml

from pipeline_lib.captioning.table import caption_table, write_captions
from pipeline_lib.common.cli import guarded
from pipeline_lib.common.errors import InputError
from pipeline_lib.reporting.sections import THEMES, figures
from pipeline_lib.retrieval.params import EvaluateParams
from pipeline_lib.retrieval.report import about_lines, retrieval_report, write_report
from pipeline_lib.retrieval.summaries import FROM_BRAIN, Result, both_directions
from stages.report import main
from tests.reporting import made_tables
from tests.reporting.addresses import outside_addresses
from tests.reporting.looking import look_at

EVIL = '"><img src=x onerror="window.hacked=1"><script>window.hacked=2</script>'
SUBJECT = "sub-<img src=x onerror=window.hacked=3>$\\frac$"
TEXTS = [
    "",
    "<script>alert(1)</script>",
    "\"quotes\", 'apostrophes', commas;",
    "two lines\nof them",
    "🦊 狐 &amp; <b>bold</b>",
    "</td></table></div><script>window.hacked=4</script>",
    "costs $5 or $\\frac$",
]
REASON = "<b> has no place </b>"
CONCEPTS = ["NA", "007", EVIL, "a, b", "$x$", "line\nbreak", "🦊"]
IDS = [f"test/{number:02}_<b>" for number in range(len(TEXTS))]


def make_study(folder, params):
    """Everything that the stage reads; what it is called with."""
    metrics, epochs, images = (folder / name for name in ("metrics", "epochs", "images"))
    made_tables.write_made(metrics)
    (metrics / "analysis").mkdir(exist_ok=True)
    made_tables.ranked(IDS, CONCEPTS).to_csv(metrics / "analysis" / "ranked.csv", index=False)
    write_results(metrics / "retrieval.json", params)
    epochs.mkdir()
    recordings = made_tables.quality(SUBJECT, recordings=EVIL, noisy_channels=[EVIL])
    (epochs / f"{SUBJECT}.quality.json").write_text(json.dumps(recordings))
    made_tables.channels().to_csv(epochs / f"{SUBJECT}.quality.csv", index=False)
    write_pictures(folder / "stimuli.csv", images)
    write_captions(caption_table(IDS, TEXTS, source="file", model=EVIL), folder / "captions.csv")
    params["subjects"] = [SUBJECT]
    params["study"]["name"] = EVIL
    params["caption"]["prompts"][EVIL] = EVIL
    params["report"] |= {"best": 2, "worst": 2, "captions": 100, "dpi": 40}
    params["vse"]["size"] = 32
    files = {"captions": folder / "captions.csv", "stimuli": folder / "stimuli.csv", "epochs": epochs}
    where = {"metrics": metrics, "images": images, "out": metrics / "report.html"}
    return {**files, **where, "params_file": written(params, folder / "params.yaml")}


@pytest.fixture
def study(tmp_path, params):
    return make_study(tmp_path, params)


@pytest.fixture(scope="module")
def page(tmp_path_factory, shipped_params):
    """The finished page."""
    files = make_study(tmp_path_factory.mktemp("study"), copy.deepcopy(shipped_params))
    main(**files)
    return files["out"]


def write_results(path, params):
    similarity = np.random.default_rng(0).normal(size=(12, 12)) + np.eye(12)
    runs = [Result(protocol, SUBJECT, 0, "image", FROM_BRAIN, similarity) for protocol in ("intra", "inter")]
    settings = EvaluateParams.model_validate(params["evaluate"] | {"bootstrap": 5, "permutations": 5})
    facts = {"synthetic": True, "closed_set": False, "repeats": "mean", "whitening": "none", "selection": EVIL}
    every = [one for run in runs for one in both_directions(run)]
    write_report(retrieval_report(every, settings, about_lines(study=EVIL, **facts)), path)


def write_pictures(stimuli, images):
    images.mkdir()
    with stimuli.open("w", newline="") as file:
        rows = [(name, f"{i}.png", CONCEPTS[i], "test", i + 1) for i, name in enumerate(IDS)]
        csv.writer(file).writerows([("image_id", "file", "concept", "split", "event_code"), *rows])
    for number in range(len(IDS) - 1):  # the last one is missing
        pixels = np.random.default_rng(number).integers(0, 256, (40, 50, 3), dtype=np.uint8)
        cv2.imwrite(str(images / f"{number}.png"), pixels)


def written(params, path):
    path.write_text(yaml.safe_dump(params))
    return path


def changed(study, edit):
    params = yaml.safe_load(study["params_file"].read_text())
    edit(params)
    written(params, study["params_file"])


@pytest.fixture
def page_of(monkeypatch):
    """Keeps the stage to some themes: others would draw figures that nobody looks at."""

    def keep(*titles):
        monkeypatch.setattr("stages.report.THEMES", [theme for theme in THEMES if theme.title in titles])

    return keep


def test_the_page_is_whole_and_harmless_without_a_network(page, tmp_path):
    seen = look_at(page, tmp_path)
    assert seen.console == []
    assert seen.asked == []
    assert seen.hacked == "undefined"
    assert [alt for alt, width in seen.images if not width] == []
    assert len(seen.images) > len(figures())
    assert "b" not in seen.tags
    assert seen.scripts == 0
    assert seen.title == f"trialign: {EVIL}"
    assert seen.texts.count(EVIL) >= 4  # as prompt, as noisy channel, as model
    for text in TEXTS:
        assert text in seen.texts
    for shown in figures():
        assert any(alt.split(":")[0] == shown.title for alt, _ in seen.images), shown.title


def test_nothing_is_asked_from_elsewhere(page):
    html = page.read_text(encoding="utf-8")
    assert outside_addresses(html) == []
    assert "window.hacked" in html
    assert "<script>window.hacked" not in html
    assert "<img src=x" not in html


def test_every_theme_and_every_setting_stands_there(page):
    html = page.read_text(encoding="utf-8")
    for theme in THEMES:
        assert theme.title in html
    for name in ("preprocess.whitening.covariance", "no evidence about brains", "top-10 %", "chance %"):
        assert name in html
    for protocol in ("intra", "inter"):
        for kind in ("Best", "Worst"):
            assert f'alt="{kind} matches ({protocol})"' in html


def test_a_table_without_rows_is_a_note(study, page_of, capsys):
    page_of("Retrieval", "What is found")
    note = f"protocol,subject,seed,analysis,note\nintra,a,0,ranked,{REASON}\ninter,a,0,ranked,{REASON}\n"
    (study["metrics"] / "analysis" / "notes.csv").write_text(note)
    for name in ("analysis/ranked.csv", "plots/n_way.csv"):
        path = study["metrics"] / name
        path.write_text(path.read_text().splitlines()[0] + "\n")
    main(**study)
    assert capsys.readouterr().out.startswith("report: ")
    html = study["out"].read_text(encoding="utf-8")
    assert html.count("has no rows.") == 2
    assert html.count("The analysis is switched off") == 1
    assert html.count("&lt;b&gt; has no place &lt;/b&gt;") == 1
    assert "Best matches" not in html
    assert 'alt="Expected n-way accuracy"' not in html


def test_a_study_without_pictures_and_captions(study, page_of):
    page_of("What is found", "Pictures and captions")
    write_captions(caption_table([], [], source="none"), study["captions"])
    for path in study["images"].iterdir():
        path.unlink()
    changed(study, lambda params: (params["vse"].update(enabled=False), params["report"].update(worst=0)))
    main(**study)
    html = study["out"].read_text(encoding="utf-8")
    assert "Left out: vse.enabled is false." in html
    assert "captions.csv has no rows" in html
    assert 'alt="Best matches (intra)"' in html
    assert "Worst matches" not in html


@pytest.mark.parametrize("name", ["retrieval.json", "plots/top_k.csv", "analysis/ranked.csv"])
def test_what_is_missing_is_one_line_and_no_page(study, name, capsys):
    (study["metrics"] / name).unlink()
    with pytest.raises(SystemExit) as exit_:
        guarded(lambda: main(**study))
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert name in line
    assert "'dvc repro' makes it" in line
    assert not study["out"].exists()


def test_an_old_page_stays_where_a_new_one_cannot_be_made(study):
    study["out"].write_text("old")
    (study["metrics"] / "plots" / "top_k.csv").unlink()
    with pytest.raises(InputError, match=r"top_k\.csv: no such table"):
        main(**study)
    assert study["out"].read_text() == "old"


@pytest.mark.parametrize(("key", "value"), [("best", -1), ("dpi", 5), ("captions", "many"), ("wurst", 4)])
def test_bad_parameters_are_named(study, key, value):
    changed(study, lambda params: params["report"].update({key: value}))
    with pytest.raises(InputError, match=rf"report\.{key}"):
        main(**study)
