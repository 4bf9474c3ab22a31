"""Stage `stimuli`: from the study in params.yaml to the table of its images."""

import sys

import pytest
import yaml

from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.stimulus_table import read_stimulus_table
from stages.stimuli import main


@pytest.fixture
def study(tmp_path, params):
    """A study of layout arrays: params.yaml and the list of images."""
    trials = tmp_path / "trials.csv"
    trials.write_text("image,split,concept\na.png,train,face\nb.png,train,house\na.png,train,face\nc.png,test,tree\n")
    params["study"] |= {"name": "mine", "layout": "arrays", "stimuli": str(trials)}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    return tmp_path


def test_the_table_is_written(study, capsys):
    out = study / "data" / "stimuli.csv"
    main(out=out, params_file=study / "params.yaml")
    assert read_stimulus_table(out).frame["image_id"].tolist() == ["a", "b", "c"]
    assert capsys.readouterr().out == f"stimuli: 2 train, 1 test, 0 center images of study mine -> {out}\n"
    assert out.read_text().splitlines()[1] == "a,a.png,face,train,1"


def test_twice_the_same_bytes(study):
    for name in ("a.csv", "b.csv"):
        main(out=study / name, params_file=study / "params.yaml")
    assert (study / "a.csv").read_bytes() == (study / "b.csv").read_bytes()


def test_bad_input_is_one_line_with_nothing_written(study, capsys, monkeypatch):
    (study / "trials.csv").write_text("image,split\na.png,train\na.png,test\n")
    command = ["stimuli", "--out", str(study / "data" / "stimuli.csv"), "--params-file", str(study / "params.yaml")]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as caught:
        run_stage(main)
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (study / "data").exists()
