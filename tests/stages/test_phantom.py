"""What stage `phantom` promises."""

import subprocess
import sys

import pytest
import yaml

from pipeline_lib.analysis.categories import read_categories
from pipeline_lib.common.errors import InputError
from pipeline_lib.stimuli.naming import concept_of
from stages.phantom import main

SMALL = {
    "subjects": 1,
    "image_size": 32,
    "train_concepts": 3,
    "train_images": 1,
    "test_concepts": 2,
    "center_images": 1,
    "sessions": 1,
    "train_repeats": 1,
    "test_repeats": 1,
}


@pytest.fixture
def params_file(tmp_path, params):
    """A params.yaml with a small study; a function that changes it again."""

    def write(**changes):
        file = tmp_path / "params.yaml"
        file.write_text(yaml.safe_dump({"phantom": {**params["phantom"], **SMALL, **changes}}))
        return file

    return write


def test_writes_a_whole_study_and_says_so_in_one_line(tmp_path, params_file, capsys):
    main(out=tmp_path / "raw" / "phantom", params_file=params_file())
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == ["phantom"]
    assert sorted(path.name for path in (tmp_path / "raw" / "phantom").iterdir()) == ["image_set", "sub-01"]
    printed = capsys.readouterr().out
    assert printed.startswith("phantom: 7 pictures, 2 recordings (0.00 GB) ->")
    assert printed.count("\n") == 1


@pytest.mark.parametrize("modality", ["eeg", "meg"])
def test_its_categories_are_those_of_its_concepts(tmp_path, params_file, modality):
    out = tmp_path / "phantom"
    main(out=out, params_file=params_file(modality=modality))
    categories = read_categories(out / "image_set" / "categories.csv")
    folders = {path.parent.name for path in (out / "image_set").rglob("*.jpg")}
    assert set(categories.index) == {concept_of(folder) for folder in folders}
    assert len(categories) == SMALL["train_concepts"] + SMALL["test_concepts"]
    for concept, labels in categories.iterrows():
        assert concept == f"{labels['pattern']} {labels['colour']} {labels['shape']}"


def test_writes_the_meg_study_in_the_same_way(tmp_path, params_file, capsys):
    main(out=tmp_path / "phantom-meg", params_file=params_file(modality="meg"))
    names = ["dataset_description.json", "image_set", "participants.tsv", "sourcedata", "sub-BIGMEG1"]
    assert sorted(path.name for path in (tmp_path / "phantom-meg").iterdir()) == names
    assert capsys.readouterr().out.startswith("phantom: 7 pictures, 1 recordings (0.00 GB) ->")


def test_an_earlier_study_is_replaced(tmp_path, params_file):
    out = tmp_path / "phantom"
    main(out=out, params_file=params_file(subjects=2))
    main(out=out, params_file=params_file())
    assert sorted(path.name for path in out.iterdir()) == ["image_set", "sub-01"]


def test_impossible_parameters_leave_nothing_behind(tmp_path, params_file):
    with pytest.raises(InputError, match="240"):
        main(out=tmp_path / "raw" / "phantom", params_file=params_file(train_concepts=240))
    assert not (tmp_path / "raw").exists()


def test_the_command_line_answers_bad_input_with_one_line_and_code_2(tmp_path, params_file, project_root):
    options = ["--out", str(tmp_path / "phantom"), "--params-file", str(params_file(sessions=0))]
    command = [sys.executable, "-m", "stages.phantom", *options]
    run = subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "phantom.sessions is 0" in run.stderr
    assert not (tmp_path / "phantom").exists()
