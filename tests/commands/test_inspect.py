"""What `trialign inspect` prints: the same for people and for programs, and one line where it cannot look."""

import json
import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from pipeline_lib.commands.main import build_app
from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.preprocess import quality_of
from pipeline_lib.recordings.quality import write_quality
from tests.recordings.every_layout import CONTINUOUS, CUT, SUBJECT, made_study, recording
from tests.recordings.tiny_study import preprocessed


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def run(*words):
    result = CliRunner().invoke(build_app("inspect"), ["inspect", *map(str, words)])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def inspected(made, *words):
    return run(made.study.root, "--layout", made.study.layout, *words)


def as_json(made, *words):
    (subject,) = json.loads(inspected(made, *words, "--json"))["subjects"]
    return subject


@pytest.fixture
def eeg2(tmp_path):
    """A study of layout things-eeg2."""
    return made_study("things-eeg2", tmp_path / "study")


@pytest.fixture
def quality(eeg2, tmp_path, params):
    """The folder with the quality file of its subject, as preprocess writes it."""
    from pipeline_lib.recordings.params import PreprocessParams

    settings = PreprocessParams.model_validate(params["preprocess"] | {"sfreq": 50.0})
    file = tmp_path / "epochs" / f"{SUBJECT}.quality.json"
    result = preprocessed(eeg2.study, settings, SUBJECT, eeg2.table)
    write_quality(file, file.with_suffix(".csv"), quality_of(result))
    return file.parent


# What is printed


def test_a_subject_is_a_few_lines(eeg2):
    (eeg2.folder / "ses-02" / "raw_eeg_test.npy").unlink()
    assert inspected(eeg2).splitlines() == [
        "sub-01: 2 sessions, 3 runs, 3 eeg channels, 100 Hz",
        "  train  16 events, 3 images, repeats 4-6, median 6",
        "  test   4 events, 2 images, repeats 2-2, median 2",
        "  ! sub-01/ses-02/raw_eeg_test.npy: no recording of the test images -> the session goes without it",
        "  ! sub-01: session 2 has 1 runs, most have 2 -> used as it is",
    ]


def test_a_subject_without_recordings_has_no_channels(eeg2):
    shutil.rmtree(eeg2.folder)
    (eeg2.folder / "notes").mkdir(parents=True)
    assert inspected(eeg2).splitlines()[0] == "sub-01: 0 sessions, 0 runs that can be read"


def test_without_defects_it_says_so(eeg2):
    assert inspected(eeg2).splitlines()[-1] == "  no defects found"


@pytest.mark.parametrize("layout", [*CONTINUOUS, *CUT])
def test_json_says_the_same_as_the_lines(tmp_path, layout):
    made = made_study(layout, tmp_path / "study")
    (made.folder / "._x").touch()
    lines, subject = inspected(made).splitlines(), as_json(made)
    assert lines[0].startswith(f"sub-01: {subject['sessions']} sessions, {len(subject['runs'])} runs, ")
    for name, split in subject["splits"].items():
        (line,) = [line for line in lines if line.startswith(f"  {name} ")]
        assert f"{split['events']:,} events, {split['images']:,} images" in line
        assert f"repeats {split['repeats_min']}-{split['repeats_max']}, median {split['repeats_median']:g}" in line
    told = [line for line in lines if line.startswith("  ! ")]
    assert told == [f"  ! {d['place']}: {d['what']} -> {d['action']}" for d in subject["defects"]]
    assert any("AppleDouble" in line for line in told)
    assert subject["quality"] is None


def test_trials_that_are_no_pictures_are_counted(eeg2):
    events = [(20, 0, "target"), *recording("train", 1).events]
    eeg2.write("train", 1, recording("train", 1, events=events))
    assert "  left out: 1 target" in inspected(eeg2).splitlines()


def test_columns_of_any_study_are_options(tmp_path):
    made = made_study("bids", tmp_path / "study")
    for file in made.folder.rglob("*_events.tsv"):
        text = file.read_text().replace("stim_file", "picture").replace("split", "part")
        file.write_text(text.replace("\n", "\tx\n").replace("part\tx", "part\tthing", 1))
    options = ("--image", "picture", "--split", "part", "--concept", "thing", "--task", "look")
    assert as_json(made, *options)["splits"]["train"]["concepts"] == 1
    assert "tasks there: look" in inspected(made, "--task", "rest")


def test_subjects_may_be_chosen(eeg2):
    (eeg2.study.root / "sub-02").mkdir()
    both = inspected(eeg2)
    assert "sub-02: 0 sessions, 0 runs" in both
    assert "the subject's folder is empty; expected ses-01, ses-02" in both
    assert both.startswith(inspected(eeg2, "--subjects", "sub-01"))
    assert "sub-02" not in inspected(eeg2, "--subjects", " sub-01 ")


# Quality


def test_the_quality_of_what_was_kept_is_shown(eeg2, quality):
    lines = inspected(eeg2, "--epochs", quality).splitlines()
    assert "  preprocessed: kept 8 test, 12 train; dropped 4 repeats" in lines
    assert sum("condition of the noise covariance by session: " in line for line in lines) == 1
    assert sum("whitened test: evoked SNR " in line for line in lines) == 1
    written = json.loads((quality / f"{SUBJECT}.quality.json").read_text())
    assert as_json(eeg2, "--epochs", quality)["quality"] == written


def test_the_quality_of_another_studys_subject_of_the_same_name_is_not_shown(eeg2, quality, tmp_path):
    other = made_study("things-eeg2", tmp_path / "other")
    (tmp_path / "here" / "data").mkdir()
    quality.rename(tmp_path / "here" / "data" / "epochs")
    assert "preprocessed" not in inspected(other)
    assert as_json(other)["quality"] is None
    assert "  preprocessed: kept 8 test, 12 train" in inspected(eeg2)
    assert "  preprocessed: " in run("../study", "--layout", "things-eeg2")


@pytest.mark.parametrize(("text", "message"), [("{", "not valid JSON"), ("[]", "holds no quality of a recording")])
def test_a_damaged_quality_file_is_named(eeg2, quality, text, message):
    (quality / f"{SUBJECT}.quality.json").write_text(text)
    with pytest.raises(InputError, match=rf"sub-01\.quality\.json: {message}.*; run 'dvc repro preprocess' again"):
        inspected(eeg2, "--epochs", quality)


# Where it cannot look


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("{root}", "--layout", "things-eg2"),
            r"--layout is 'things-eg2', allowed: .*, bids, arrays; did you mean 'things-eeg2'\?",
        ),
        (
            ("{root}/none", "--layout", "bids"),
            "none: no such folder; name the folder that holds one folder per subject",
        ),
        (("{root}/sub-01/ses-01", "--layout", "bids"), "holds no folders; expected one per subject"),
        (("{root}", "--layout", "bids", "--subjects", "sub-1"), r"--subjects is 'sub-1', .*did you mean 'sub-01'\?"),
    ],
)
def test_what_cannot_be_looked_at_is_named(eeg2, words, message):
    with pytest.raises(InputError, match=message):
        run(*(word.format(root=eeg2.study.root) for word in words))


def test_on_the_command_line_it_is_one_line_and_exit_code_2(eeg2, project_root):
    command = [sys.executable, "-m", "pipeline_lib.commands.main", "inspect", eeg2.study.root, "--layout", "meg"]
    result = subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("trialign: --layout is 'meg', allowed: things-eeg2, ")
    assert result.stderr.count("\n") == 1


# The real samples


def test_the_real_samples_are_counted_in_words(real_data):
    eeg = run(real_data / "things-eeg2-bids", "--layout", "things-eeg2-bids").splitlines()
    assert eeg[:4] == [
        "sub-01: 4 sessions, 24 runs, 63 eeg channels, 1000 Hz",
        "  train  66,840 events, 16,540 images of 1,654 concepts, repeats 4-6, median 4",
        "  test   16,224 events, 200 images of 200 concepts, repeats 80-84, median 81",
        "  left out: 456 target",
    ]
    meg = run(real_data / "things-meg-bids", "--layout", "things-meg-bids")
    assert "sub-BIGMEG1: 2 sessions, 20 runs, 272 mag channels, 1200 Hz" in meg
    assert "._sub-BIGMEG1_ses-01_task-main_run-01_events.tsv: AppleDouble file" in meg
