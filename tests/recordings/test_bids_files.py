"""Files of BIDS: which runs there are, which sidecar is whose, and what is no signal at all."""

import re

import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.bids_files import BidsRun, all_runs, entities_of, find_runs, runs_of_study, sidecar
from tests.recordings.bids_study import place_of

EXPECTED = "runs"


@pytest.fixture
def touch(tmp_path):
    """Make empty files below the study's root; a name that ends in ``/`` is a folder."""

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(parents=True, exist_ok=True) if name.endswith("/") else path.touch()
        return tmp_path

    return make


def names_of(runs):
    return [run.base.name for run in runs]


def test_entities_are_split_at_the_first_dash():
    assert entities_of("sub-01_ses-a_task-x-y_run-02_eeg.bdf") == {"sub": "01", "ses": "a", "task": "x-y", "run": "02"}
    assert entities_of("README") == {}


def test_runs_go_by_session_task_and_number(touch):
    stems = [f"sub-1_ses-{s}_task-{t}_run-{r}" for s in (1, 2, 10) for t in "ab" for r in (1, 2, 10)]
    names = [f"sub-1/ses-{re.search('ses-([0-9]+)', stem)[1]}/eeg/{stem}_events.tsv" for stem in stems]
    runs = find_runs(touch(*reversed(names)), "sub-1", EXPECTED)
    assert names_of(runs) == stems
    assert [run.session for run in runs] == [1] * 6 + [2] * 6 + [10] * 6
    assert (runs[2].task, runs[2].number, runs[2].datatype) == ("a", 10, "eeg")


@pytest.mark.parametrize(
    ("labels", "numbers"),
    [
        (["01", "03"], [1, 3]),
        (["post", "pre"], [1, 2]),
        (["0", "1"], [1, 2]),
        (["01", "1"], [1, 2]),
        (["1", "x"], [1, 2]),
        (["20261120", "20270102"], [1, 2]),
        (["²"], [1]),
    ],
)
def test_sessions_are_their_number_or_their_rank(touch, labels, numbers):
    root = touch(*(f"sub-1/ses-{label}/eeg/sub-1_ses-{label}_task-a_events.tsv" for label in labels))
    assert [run.session for run in find_runs(root, "sub-1", EXPECTED)] == numbers


def test_without_sessions_all_is_session_1(touch):
    root = touch("sub-1/eeg/sub-1_task-a_events.tsv", "sub-1/meg/sub-1_task-a_events.tsv", "sub-1/anat/sub-1_T1w.nii")
    assert [(run.session, run.datatype) for run in find_runs(root, "sub-1", EXPECTED)] == [(1, "eeg"), (1, "meg")]


def test_apple_double_files_are_no_runs(touch):
    root = touch("sub-1/eeg/sub-1_task-a_events.tsv", "sub-1/eeg/._sub-1_task-a_events.tsv", "sub-1/eeg/._x_eeg.bdf")
    assert names_of(all_runs(root, "sub-1", EXPECTED)) == ["sub-1_task-a"]


def test_nothing_inside_a_ctf_folder_is_a_run(touch):
    folder = "sub-1/meg/sub-1_task-a_meg.ds"
    root = touch(
        "sub-1/meg/sub-1_task-a_events.tsv",
        f"{folder}/sub-1_task-a_meg_hz.ds/hz_events.tsv",
        f"{folder}/hz2.ds/",
        f"{folder}/meg/sub-1_task-b_events.tsv",
    )
    (run,) = all_runs(root, "sub-1", EXPECTED)
    assert run.signal == root / folder


@pytest.mark.parametrize("name", ["sub-1_task-a_meg.fif", "sub-1_task-a_split-01_meg.fif", "sub-1_task-a_meg.ds/"])
def test_the_signal_stands_beside_the_events(touch, name):
    root = touch("sub-1/meg/sub-1_task-a_events.tsv", f"sub-1/meg/{name}", "sub-1/meg/sub-1_task-a_split-02_meg.fif")
    (run,) = find_runs(root, "sub-1", EXPECTED)
    assert run.signal.name == name.strip("/")


def test_a_signal_of_an_unknown_kind_is_none(touch):
    root = touch(
        "sub-1/eeg/sub-1_task-a_events.tsv", "sub-1/eeg/sub-1_task-a_eeg.json", "sub-1/eeg/sub-1_task-a_eeg.eeg"
    )
    (run,) = find_runs(root, "sub-1", EXPECTED)
    assert run.signal is None
    assert run.file.name == "sub-1_task-a_eeg"


def test_runs_may_be_of_certain_tasks_only(touch):
    root = touch("sub-1/eeg/sub-1_task-a_events.tsv", "sub-1/eeg/sub-1_task-rest_events.tsv")
    assert names_of(find_runs(root, "sub-1", EXPECTED, ["a"])) == ["sub-1_task-a"]
    with pytest.raises(InputError, match=r"sub-1: no runs of task b with an events\.tsv; .* tasks there: a, rest$"):
        find_runs(root, "sub-1", EXPECTED, ["b"])


def test_a_subject_without_runs_says_what_is_expected(touch):
    with pytest.raises(InputError, match=r"sub-1: no runs with an events\.tsv; expected runs$"):
        find_runs(touch("sub-1/anat/sub-1_T1w.nii"), "sub-1", EXPECTED)
    with pytest.raises(InputError, match=r"sub-2: no such subject; expected runs; .* holds: sub-1"):
        find_runs(touch(), "sub-2", EXPECTED)


def test_runs_of_a_study_pass_over_subjects_without_events(touch):
    root = touch(
        "sub-1/eeg/sub-1_task-a_events.tsv",
        "sub-2/eeg/sub-2_task-a_events.tsv",
        "sub-emptyroom/meg/sub-emptyroom_task-noise_meg.fif",
        "sub-3/",
        "derivatives/sub-4/eeg/sub-4_task-a_events.tsv",
    )
    assert names_of(runs_of_study(root)) == ["sub-1_task-a", "sub-2_task-a"]
    with pytest.raises(InputError, match=r"no runs of task b with an events\.tsv; expected a study in BIDS"):
        runs_of_study(root, ["b"])


# Sidecars


def run_of(root, name="sub-1_ses-1_task-a_run-2"):
    return BidsRun(root, place_of(root, name, "eeg"), "eeg", 1, None, None)


@pytest.mark.parametrize(
    "path",
    [
        "sub-1/ses-1/eeg/sub-1_ses-1_task-a_run-2_channels.tsv",
        "sub-1/ses-1/eeg/sub-1_ses-1_task-a_channels.tsv",
        "sub-1/sub-1_task-a_channels.tsv",
        "task-a_channels.tsv",
    ],
)
def test_a_sidecar_may_lie_higher_up(touch, path):
    root = touch(path)
    assert sidecar(run_of(root), "channels", ".tsv") == root / path


@pytest.mark.parametrize(
    "path",
    [
        "sub-1/ses-1/eeg/sub-1_ses-1_task-a_run-1_channels.tsv",
        "sub-1/ses-1/eeg/sub-1_ses-1_task-b_channels.tsv",
        "sub-1/ses-1/eeg/sub-1_ses-1_task-a_run-2_acq-x_channels.tsv",
        "sub-1/ses-1/eeg/._sub-1_ses-1_task-a_run-2_channels.tsv",
        "task-b_channels.tsv",
    ],
)
def test_a_sidecar_of_another_run_is_none(touch, path):
    assert sidecar(run_of(touch(path)), "channels", ".tsv") is None


def test_the_nearest_sidecar_counts(touch):
    near = "sub-1/ses-1/eeg/sub-1_ses-1_task-a_run-2_eeg.json"
    root = touch("task-a_eeg.json", "sub-1/sub-1_task-a_eeg.json", near)
    assert sidecar(run_of(root), "eeg", ".json") == root / near


def test_events_may_lie_higher_up(touch):
    root = touch("task-a_events.tsv", "sub-1/eeg/sub-1_task-a_eeg.bdf", "sub-1/eeg/sub-1_task-rest_eeg.bdf")
    runs = all_runs(root, "sub-1", EXPECTED)
    assert [run.events for run in runs] == [root / "task-a_events.tsv", None]


def test_names_that_are_no_bids_have_their_own_sidecars_only(touch):
    root = touch("1/eeg/x_events.tsv", "1/eeg/x_channels.tsv", "1/eeg/y__eeg.bdf")
    y, x = all_runs(root, "1", EXPECTED)[::-1]
    assert sidecar(x, "channels", ".tsv") == root / "1/eeg/x_channels.tsv"
    assert (sidecar(y, "channels", ".tsv"), y.events) == (None, None)
