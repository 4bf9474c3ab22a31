"""A run that is killed goes on where it was; what has changed is made again."""

import os
import subprocess
import sys
from collections import Counter

import cv2
import numpy as np
import pytest
import yaml

from pipeline_lib.captioning.captioner import Captioner
from pipeline_lib.captioning.table import read_captions
from stages.caption import main
from tests.captioning.small_study import write_study
from tests.captioning.tiny_blip2 import write_blip2

DRAWN = {"enabled": True, "temperature": 1.0, "top_p": 1.0, "seed": 0}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "blip2"
    write_blip2(path)
    return path


@pytest.fixture
def study(model, params, tmp_path):
    write_study(tmp_path)
    params["caption"].update(path=str(model), batch_size=1, device="cpu", prompt="C")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    return tmp_path


def run(study, out):
    main(stimuli=study / "stimuli.csv", images=study / "images", out=out, params_file=study / "params.yaml")
    return out.read_bytes()


def watched(patch, before):
    """Call `before` with the images of each batch before it is described."""
    write = Captioner.write

    def noted(self, inputs, keys):
        before(keys)
        return write(self, inputs, keys)

    patch.setattr(Captioner, "write", noted)


def broken_off(study, out, after, monkeypatch):
    """Run until `after` images are described, then fail."""
    described = []

    def stop_then(keys):
        if len(described) >= after:
            raise KeyboardInterrupt
        described.extend(keys)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        watched(patch, stop_then)
        run(study, out)


def described_by(study, out, monkeypatch):
    """Which images a whole run describes."""
    described = []
    with monkeypatch.context() as patch:
        watched(patch, described.extend)
        run(study, out)
    return described


def test_killed_at_any_moment_it_ends_with_the_same_bytes(study, project_root):
    out, kills = study / "out" / "captions.csv", 2
    command = [sys.executable, "-m", "tests.captioning.killed_run", study, out, kills, 0]
    subprocess.run(list(map(str, command)), cwd=project_root, check=True, timeout=300, env=os.environ)
    assert out.read_bytes() == run(study, study / "uninterrupted.csv")
    assert [path.name for path in out.parent.iterdir()] == ["captions.csv"]
    described = Counter((study / "described.txt").read_text().splitlines())
    assert len(described) == 6
    assert described.total() <= 6 + kills  # a kill loses one batch at most, which here is one image


def test_only_what_is_missing_is_described_again(study, monkeypatch, capsys):
    out = study / "captions.csv"
    broken_off(study, out, 4, monkeypatch)
    assert not out.exists()
    assert len(described_by(study, out, monkeypatch)) == 2
    assert "4 of 6 captions are there already" in capsys.readouterr().err
    assert out.read_bytes() == run(study, study / "uninterrupted.csv")
    assert not list(study.glob(".*"))


def test_a_changed_prompt_starts_afresh(study, params, monkeypatch, capsys):
    out = study / "captions.csv"
    broken_off(study, out, 4, monkeypatch)
    params["caption"]["prompt"] = "B"
    (study / "params.yaml").write_text(yaml.safe_dump(params))
    assert len(described_by(study, out, monkeypatch)) == 6
    assert "unfinished captions of another prompt; ignored" in capsys.readouterr().err
    assert set(read_captions(out).frame["prompt"]) == {"Describe the main object in the picture"}


@pytest.mark.parametrize("change", [{"max_new_tokens": 5}, {"dtype": "bfloat16"}, {"sampling": DRAWN}])
def test_another_way_of_writing_starts_afresh(study, params, monkeypatch, change):
    out = study / "captions.csv"
    broken_off(study, out, 4, monkeypatch)
    params["caption"].update(change)
    (study / "params.yaml").write_text(yaml.safe_dump(params))
    assert len(described_by(study, out, monkeypatch)) == 6


def test_a_changed_image_and_a_changed_concept_are_described_again(study, monkeypatch):
    out = study / "captions.csv"
    broken_off(study, out, 5, monkeypatch)
    table = (study / "stimuli.csv").read_text()
    (study / "stimuli.csv").write_text(table.replace("thing_00b.png,red star", "thing_00b.png,pink star"))
    first = next((study / "images").rglob("thing_00a.png"))
    cv2.imwrite(str(first), np.full((30, 30, 3), 77, np.uint8))
    described = [name[-3:] for name in described_by(study, out, monkeypatch)]
    assert described == ["00a", "00b", "02b"]
    assert out.read_bytes() == run(study, study / "uninterrupted.csv")


def test_other_batches_go_on_as_well(study, params, monkeypatch):
    out = study / "captions.csv"
    broken_off(study, out, 3, monkeypatch)
    params["caption"]["batch_size"] = 64
    (study / "params.yaml").write_text(yaml.safe_dump(params))
    assert len(described_by(study, out, monkeypatch)) == 3
