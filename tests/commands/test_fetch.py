"""Command `trialign fetch`: size and licence first, then the study in its layout."""

import sys
from contextlib import nullcontext

import pytest
import typer

from pipeline_lib.commands import fetch as module
from pipeline_lib.commands.fetch import fetch
from pipeline_lib.commands.main import build_app
from pipeline_lib.common.cli import guarded
from pipeline_lib.common.errors import InputError
from pipeline_lib.fetching.sources import Patience, Sources
from pipeline_lib.fetching.studies import STUDIES
from tests.fetching.loopback import serving
from tests.fetching.studies_online import put_online


@pytest.fixture
def host(monkeypatch, tmp_path):
    """All hosts, on the loopback address."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    with serving() as running:
        base = running.url
        monkeypatch.setattr(module, "SOURCES", Sources(f"{base}/osf", f"{base}/s3", f"{base}/nemar"))
        monkeypatch.setattr(module, "PATIENCE", Patience(attempts=3, pause=0.001, longest=0.01, timeout=5))
        put_online(running)
        yield running


def trialign(monkeypatch, capsys, *words):
    """Run the program; gives exit code, standard output and standard error."""
    monkeypatch.setattr("sys.argv", ["trialign", "fetch", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        guarded(build_app("fetch"))
    return caught.value.code or 0, *capsys.readouterr()


def test_without_a_study_all_are_told_with_size_licence_and_origin(host, monkeypatch, capsys):
    code, out, err = trialign(monkeypatch, capsys)
    assert (code, err) == (0, "")
    for study in STUDIES.values():
        assert f"{study.name}: {study.title}\n" in out
        assert all(part.page in out and part.licence in out for part in study.parts)
    assert "  recordings: 3 files, 11 bytes; licence: CC0" in out  # P1 + P1 more + P2
    assert host.paths() == []


def test_a_host_that_is_gone_is_told_of(monkeypatch, capsys):
    gone = "http://127.0.0.1:9"
    monkeypatch.setattr(module, "SOURCES", Sources(gone, gone, gone))
    code, out, err = trialign(monkeypatch, capsys)
    assert (code, err) == (0, "")
    assert out.count("size unknown, since the host does not answer now") == sum(len(s.parts) for s in STUDIES.values())


def test_without_agreement_nothing_is_downloaded(host, monkeypatch, capsys, tmp_path):
    code, out, err = trialign(monkeypatch, capsys, "things-eeg2", "--out", tmp_path / "out")
    assert code == 2
    assert err == "trialign: nothing was downloaded: agree to size and licence with --yes\n"
    assert "licence: CC BY 4.0" in out
    assert "to download: 4 files" in out
    assert host.paths() == []
    assert not (tmp_path / "out").exists()


def test_with_agreement_it_is_there(host, monkeypatch, capsys, tmp_path):
    words = ("things-eeg2", "--subjects", "sub-01,sub-02", "--yes")
    code, out, err = trialign(monkeypatch, capsys, *words)
    assert (code, err) == (0, "")
    root = tmp_path / "data" / "raw" / "things-eeg2"
    assert sorted(path.name for path in root.iterdir()) == [".fetch", "image_set", "sub-01", "sub-02"]
    assert out.index("licence") < out.index("fetch: 3 files")
    assert out.endswith(
        "for params.yaml:\n  subjects: [sub-01, sub-02]\n"
        "  study.layout: things-eeg2\n  study.root: data/raw/things-eeg2\n"
        "  study.images: data/raw/things-eeg2/image_set\n  study.stimuli: data/raw/things-eeg2/image_set\n"
    )
    # The second time there is nothing to agree to.
    asked = len(host.paths())
    code, out, err = trialign(monkeypatch, capsys, *words[:-1])
    assert (code, err) == (0, "")
    assert "to download: 0 files, 0 bytes; 3 are there already" in out
    assert len(host.paths()) == asked


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        (
            ["things-meg-epochs"],
            "subjects: [P1, P2] study.layout: things-meg-epochs study.root: o study.stimuli: o/sourcedata",
        ),
        (
            ["things-eeg2-preprocessed", "--parts", "63-channels"],
            "subjects: [sub-01] study.layout: things-eeg2-preprocessed study.root: o/63-channels "
            "study.images: o/image_set study.stimuli: o/image_set",
        ),
        (["things-meg-bids", "--parts", "image-list"], "study.layout: things-meg-bids study.root: o study.stimuli: o"),
    ],
)
def test_the_settings_name_where_things_are(host, monkeypatch, capsys, words, settings):
    code, out, _ = trialign(monkeypatch, capsys, *words, "--out", "o", "--yes")
    assert code == 0
    assert " ".join(out.partition("for params.yaml:")[2].split()) == settings


@pytest.mark.parametrize(("answer", "downloaded"), [(True, True), (False, False)])
def test_at_a_terminal_it_asks(host, monkeypatch, tmp_path, answer, downloaded):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "confirm", lambda *words, **more: answer)
    with nullcontext() if downloaded else pytest.raises(InputError, match=r"^nothing was downloaded$"):
        fetch("things-meg-epochs", out=tmp_path / "out")
    assert (tmp_path / "out" / "P1").exists() == downloaded


FILE = "/s3/ds004212/derivatives/preprocessed/preprocessed_P1-epo.fif"


@pytest.mark.parametrize("fault", ["404", "416", "429", "500", "short:1", "drop:1", "long", "wrong"])
def test_every_failure_is_one_line_with_the_address_and_exit_code_2(host, monkeypatch, capsys, tmp_path, fault):
    host.faults[FILE] = [f"*{fault}"]
    place = tmp_path / "out"
    code, _, err = trialign(monkeypatch, capsys, "things-meg-epochs", "--out", place, "--yes")
    assert code == 2
    assert err.startswith(f"trialign: {host.url}{FILE}: ")
    assert err.count("\n") == 1
    assert not (place / "P1" / "preprocessed_P1-epo.fif").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["things-eg2"], "trialign: STUDY is 'things-eg2', allowed: things-eeg2"),
        (["things-eeg2", "--parts", "all"], "trialign: --parts all: things-eeg2 has no part 'all', only recordings"),
        (["things-eeg2", "--subjects", "1"], "trialign: --subjects 1: things-eeg2 has no '1'; subjects: sub-01"),
    ],
)
def test_bad_words_are_one_line(host, monkeypatch, capsys, words, line):
    code, _, err = trialign(monkeypatch, capsys, *words)
    assert code == 2
    assert err.startswith(line)
    assert err.count("\n") == 1


def test_a_stop_by_hand_says_how_to_go_on(host, monkeypatch, tmp_path):
    def stopped(plan, web):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run_plan", stopped)
    with pytest.raises(InputError, match="stopped; the same command continues"):
        fetch("things-meg-epochs", out=tmp_path, yes=True)
