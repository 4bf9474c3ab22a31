"""What `trialign decode` writes and says."""

import copy
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline_lib.commands.decode import decode
from pipeline_lib.commands.main import build_app
from pipeline_lib.common.errors import InputError
from pipeline_lib.decoding.ranking import COLUMNS
from tests.decoding.small_study import Study, written_study


@pytest.fixture(scope="module")
def study(shipped_params, tmp_path_factory) -> Study:
    return written_study(tmp_path_factory.mktemp("decode"), copy.deepcopy(shipped_params))


def options(study, out, **changes):
    values = {"model": study.model, "recording": study.recordings, "gallery": study.gallery, "stimuli": study.stimuli}
    return {**values, "out": out, **changes}


def test_writes_the_table_and_the_sheet(study, tmp_path, capsys):
    decode(**options(study, tmp_path / "out", average="image"))
    table = pd.read_csv(tmp_path / "out" / "ranking.csv")
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 10 * 5
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["contact_sheet.html", "ranking.csv"]
    said = capsys.readouterr()
    assert said.out.startswith("decode: 10 queries, gallery of 10 images: top-1 ")
    assert said.out.endswith(f"-> {tmp_path / 'out'}\n")
    assert said.err.count("trialign: ") == len(said.err.splitlines()) == 2


def test_the_same_input_gives_the_same_bytes(study, tmp_path):
    for name in ("x", "y"):
        decode(**options(study, tmp_path / name, top=3, sheet=4))
    for file in ("ranking.csv", "contact_sheet.html"):
        assert (tmp_path / "x" / file).read_bytes() == (tmp_path / "y" / file).read_bytes()
    assert (tmp_path / "x" / "contact_sheet.html").read_text().count("<section>") == 4


def test_nothing_is_written_where_an_image_is_broken(study, tmp_path):
    photos = shutil.copytree(study.gallery, tmp_path / "photos")
    (photos / "broken.jpg").write_text("no picture")
    with pytest.raises(InputError, match=r"broken\.jpg: not an image"):
        decode(**options(study, tmp_path / "out", gallery=photos))
    assert not (tmp_path / "out").exists()


def test_a_place_that_is_no_folder(study, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match=r"--out .*: .* is no folder that can be written to"):
        decode(**options(study, tmp_path / "out"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recording": "nothing_raw.fif"}, "nothing_raw.fif: no such recording"),
        ({"recording": "short.vhdr"}, "short.vhdr: cannot be read as BrainVision"),
        ({"gallery": "."}, ": the gallery holds no image files"),
        ({"gallery": "nothing.csv"}, "nothing.csv: no such gallery"),
    ],
)
def test_bad_input_is_named(study, tmp_path, changes, message):
    (tmp_path / "short.vhdr").write_text("Brain Vision Data Exchange Header File Version 1.0\n")
    paths = {name: tmp_path / value for name, value in changes.items()}
    if "recording" in paths:
        paths["recording"] = [paths["recording"]]
    with pytest.raises(InputError, match=f"^{tmp_path}/?{message}"):
        decode(**options(study, tmp_path / "out", **paths))


def test_bad_input_is_one_line_and_exit_code_2(study, tmp_path):
    given = {"--model": tmp_path / "nothing", "--recording": study.recording(1), "--gallery": study.gallery}
    words = [str(word) for pair in given.items() for word in pair]
    program = "import sys; from pipeline_lib.commands.main import main; sys.argv[0] = 'trialign'; main()"
    command = [sys.executable, "-c", program, "decode", *words, "--out", str(tmp_path / "out")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 2
    assert result.stderr.startswith(f"trialign: {tmp_path / 'nothing' / 'model.json'}: no such file")
    assert len(result.stderr.splitlines()) == 1


def test_the_help_tells_the_choices_and_groups_the_options():
    shown = CliRunner().invoke(build_app("decode"), ["decode", "--help"], env={"COLUMNS": "100"}).stdout
    for said in ("image|none", "model|recording|none", "train|test|center", "auto|cpu|cuda", "How the recordings are"):
        assert said in shown
    assert len(shown.splitlines()) < 90


def test_names_cannot_steer_the_terminal(study, tmp_path, capsys):
    (tmp_path / "events.csv").write_text("onset,image\n1.0,\x1b[31mred.png\n")
    one = {"recording": [study.recording(1)], "events": [tmp_path / "events.csv"], "stimuli": None}
    decode(**options(study, tmp_path / "out", **one))
    said = capsys.readouterr().err
    assert " [31mred.png: no rank" in said
    assert "\x1b" not in said
