"""Stage `caption`: from pictures to a table, or to one line that says what is wrong."""

import errno
import os
import subprocess
import sys

import pytest
import yaml

from pipeline_lib.captioning.captioner import Captioner
from pipeline_lib.captioning.table import read_captions
from pipeline_lib.common.errors import InputError
from stages.caption import main
from tests.captioning.small_study import write_study
from tests.captioning.tiny_blip2 import write_blip2

ACCELERATE = "accelerate.commands.launch --multi_gpu --num_machines 1 --num_processes 2 --main_process_port 0"
TORCHRUN = "torch.distributed.run --standalone --nproc_per_node 2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("study")
    write_blip2(path / "blip2")
    write_study(path)
    return path


@pytest.fixture
def run(folder, params, tmp_path):
    """Run the stage with changes of its section; returns the output's path."""

    def stage(**values):
        params["caption"].update({"path": str(folder / "blip2"), "batch_size": 4, "device": "cpu", **values})
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
        out = tmp_path / "out" / "captions.csv"
        main(stimuli=folder / "stimuli.csv", images=folder / "images", out=out, params_file=tmp_path / "params.yaml")
        return out

    return stage


def test_every_image_gets_a_caption_in_table_order(run, capsys):
    out = run(prompt="C")
    table = read_captions(out).frame
    assert table["image_id"].tolist()[::5] == ["train/00000_thing/thing_00a", "test/00002_thing/thing_02b"]
    assert set(table["source"] + " " + table["model"]) == {"blip2 blip2"}
    assert table["revision"].str.fullmatch("sha256:[0-9a-f]{16}").all()
    assert table["prompt"][0] == "Briefly describe the 'red star' in the images."
    assert table["text"].nunique() > 1
    assert (table["n_tokens"] > 0).all()
    assert capsys.readouterr().out == f"caption: 6 captions, source blip2 -> {out}\n"


def test_batch_size_changes_no_byte(run):
    assert len({run(batch_size=size).read_bytes() for size in (1, 2, 6)}) == 1


def test_labels(run):
    assert read_captions(run(source="label")).frame["text"][2] == "a photo of a blue circle"


def test_none_writes_a_header(run, capsys):
    assert len(read_captions(run(source="none"))) == 0
    assert "0 captions, source none" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prompt": "D"}, r"caption\.prompt is 'D', allowed: A, B, C, label"),
        ({"path": "nowhere"}, "nowhere holds no model"),
        ({"source": "llava"}, r"model_type is 'blip-2', allowed: llava, .*set caption\.source to blip2"),
        ({"source": "lava"}, "did you mean 'llava'"),
        ({"device": "cpuu"}, "did you mean 'cpu'"),
    ],
)
def test_nothing_is_left_after_an_error(run, tmp_path, values, message):
    with pytest.raises(InputError, match=message):
        run(**values)
    assert not (tmp_path / "out").exists()


def test_drawn_captions_are_the_same_in_any_batch(run):
    drawn = {"sampling": {"enabled": True, "temperature": 1.5, "top_p": 0.9, "seed": 3}}
    tables = {run(batch_size=size, **drawn).read_bytes() for size in (1, 4, 6)}
    assert len(tables) == 1
    assert tables != {run(sampling=drawn["sampling"] | {"enabled": False}).read_bytes()}


def test_a_full_disk_is_one_line(run, monkeypatch):
    def full(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("stages.caption.write_captions", full)
    with pytest.raises(InputError, match=r"captions\.csv: no space left on the device; make room and start again"):
        run()


def test_two_processes_make_the_same_bytes(run, folder, project_root, tmp_path):
    one = run(prompt="C").read_bytes()
    done, out = in_two_processes(ACCELERATE, folder, project_root, tmp_path)
    assert done.stdout == f"caption: 6 captions, source blip2, 2 processes made 3 + 3 -> {out}\n"
    assert out.read_bytes() == one
    assert [path.name for path in out.parent.iterdir()] == ["captions.csv"]


def test_two_processes_go_on_with_what_one_has_left(run, folder, project_root, tmp_path, monkeypatch):
    one = run(prompt="C", batch_size=2).read_bytes()
    write, out = Captioner.write, tmp_path / "out" / "captions.csv"
    out.unlink()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Captioner, "write", lambda *args: write(*args) if not list(kept(out)) else interrupt())
        run(prompt="C", batch_size=2)
    (tmp_path / "two").mkdir()
    next(out.parent.iterdir()).rename(tmp_path / "two" / ".captions.csv.unfinished.captions")
    done, out = in_two_processes(TORCHRUN, folder, project_root, tmp_path)
    assert "2 of 6 captions are there already" in done.stderr
    assert "2 processes made 2 + 2" in done.stdout
    assert out.read_bytes() == one
    assert [path.name for path in out.parent.iterdir()] == ["captions.csv"]


def kept(out):
    return out.parent.rglob("*.part")


def interrupt():
    raise KeyboardInterrupt


def in_two_processes(launcher, folder, project_root, tmp_path):
    """Run the stage with the last parameters in two processes; what was said, and the output's path."""
    out = tmp_path / "two" / "captions.csv"
    options = {"--stimuli": folder / "stimuli.csv", "--images": folder / "images", "--out": out}
    options["--params-file"] = tmp_path / "params.yaml"
    words = [str(word) for option in options.items() for word in option]
    command = [sys.executable, "-m", *launcher.split(), "-m", "stages.caption", *words]
    environment = os.environ | {"ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(
        command, cwd=project_root, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert not done.returncode, done.stderr
    return done, out


def test_from_the_command_line(folder, project_root, params, tmp_path):
    params["caption"].update({"source": "label"})
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    command = [sys.executable, "-m", "stages.caption", "--stimuli", folder / "gone.csv", "--images", folder / "images"]
    command += ["--out", tmp_path / "captions.csv", "--params-file", tmp_path / "params.yaml"]
    done = subprocess.run(list(map(str, command)), cwd=project_root, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("trialign: ")
    assert done.stderr.count("\n") == 1
    assert "gone.csv: no such stimulus table" in done.stderr
