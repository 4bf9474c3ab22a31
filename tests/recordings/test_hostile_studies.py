"""What `preprocess` makes of damaged and odd files: one line that names file and cure, or trials as promised."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import yaml

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.stimulus_table import write_stimulus_table
from tests.recordings.every_layout import CONTINUOUS, CUT, SUBJECT, cut_content, made_study, recording
from tests.recordings.tiny_study import preprocessed

NPY = ("things-eeg2", "things-eeg2-preprocessed", "arrays")
STUB = "/annex/objects/SHA256E-s208346759--bfa86185bb8aeea45666e62af9110267cb449de5ecb316e2a3c7905096548f2c\n"
FETCH = "get its content first: trialign fetch"


@pytest.fixture
def made(request, tmp_path):
    """The study of the layout that a test names."""
    return made_study(request.param, tmp_path)


@pytest.fixture
def run(settings):
    """Preprocess a study at 50 Hz, with settings changed."""

    def run(made, **changes):
        result = preprocessed(made.study, settings(**{"sfreq": 50.0} | changes), SUBJECT, made.table)
        return result.data

    return run


@pytest.fixture
def refused(run):
    """The one line with which a study is refused, which must name a file and hold a cure."""

    def refused(made, *, names, cure, **changes):
        with pytest.raises(InputError) as caught:
            run(made, **changes)
        line = str(caught.value)
        assert line.startswith((f"{names}: ", f"{names}, line "))
        assert "\n" not in line
        assert cure in line
        return line

    return refused


def each(*layouts):
    return pytest.mark.parametrize("made", layouts, indirect=True)


def change(made, place, **content):
    """Replace what a pickled dict holds."""
    file = made.files[place]
    np.save(file, np.load(file, allow_pickle=True).item() | content)
    return file


# Files


@each(*CONTINUOUS, *CUT)
def test_a_truncated_file(made, refused):
    file = made.files["train", 1]
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    line = refused(made, names=file, cure="again")
    assert "cut" in line or "truncated" in line


@each(*CONTINUOUS, *CUT)
def test_a_text_stub_in_place_of_a_signal(made, refused):
    file = made.files["train", 1]
    file.write_text(STUB)
    is_whole_fif = made.study.layout == "things-meg-epochs"
    assert "stub in place of the " in refused(made, names=file, cure="get it again" if is_whole_fif else FETCH)


@each("things-eeg2", "things-eeg2-preprocessed", "arrays")
@pytest.mark.parametrize(
    "array",
    [np.zeros(12), np.zeros((3, 4, 3, 121, 2)), np.zeros((4, 121), complex), np.full((4, 121), "x")],
    ids=["rank-1", "rank-5", "complex", "text"],
)
def test_an_npy_of_the_wrong_rank_or_type(made, refused, array):
    keys = {"things-eeg2": "raw_eeg_data", "things-eeg2-preprocessed": "preprocessed_eeg_data"}
    file, cure = made.files["train", 1], "again"
    if made.study.layout == "arrays":
        np.save(file, array)
        cure = "expected numbers of shape (trials, channels) or (trials, channels, times)"
    else:
        change(made, ("train", 1), **{keys[made.study.layout]: array})
    refused(made, names=file, cure=cure)


@each("things-eeg2", "things-eeg2-preprocessed")
def test_a_plain_array_in_place_of_a_dict(made, refused):
    np.save(made.files["train", 1], np.zeros((4, 100)))
    refused(made, names=made.files["train", 1], cure="get it again")


@each("things-eeg2")
def test_a_missing_trigger_channel(made, refused):
    file = change(made, ("train", 1), ch_types=["eeg"] * 4)
    line = refused(made, names=file, cure="correct ch_types, or get the file again")
    assert "has none; channels: Fp1, Oz, Pz, stim" in line


@each("things-meg-epochs")
def test_a_fif_of_epochs_whose_part_is_missing(made, refused):
    part = made.folder / "preprocessed_P1-epo-1.fif"
    part.unlink()
    refused(made, names=part, cure="preprocessed_P1-epo.fif continues in it; get it again")


@each("things-meg-bids")
def test_a_recording_whose_part_is_missing(made, refused):
    import mne

    file = made.files["train", 1]
    raw = mne.io.read_raw_fif(file, preload=True, verbose="error")
    long = mne.io.RawArray(np.tile(raw.get_data(), 400), raw.info, verbose="error")
    long.save(file, split_size="2MB", overwrite=True, verbose="error")
    part = file.with_name(f"{file.stem}-1.fif")
    part.unlink()
    line = refused(made, names=file, cure="put all parts, not renamed, into one folder")
    assert f"its next part {part} is missing" in line or f"its next part {part.name} is missing" in line


# Events


@each(*CONTINUOUS)
def test_codes_and_names_that_stand_for_no_image(made, refused):
    file = made.write("train", 2, recording("train", 2, codes=(1, 2, 3, 99)))
    assert "99" in refused(made, names=file, cure="study.stimuli")


@each("things-eeg2-preprocessed")
def test_more_images_than_the_stimulus_table_names(made, refused):
    file = change(made, ("train", 1), preprocessed_eeg_data=np.ones((4, 4, 3, 121)))
    assert "known codes of split train: 1..3" in refused(made, names=file, cure="name these images in study.stimuli")


@each(*CONTINUOUS)
def test_events_beyond_the_end_are_left_out_and_counted(made, run):
    every = {"max_repeats": {"train": None, "test": None}, "whitening__enabled": False}
    whole = run(made, **every)
    # The event at 350 would end at 450; those at 410 and 470, which raw files cannot hold, start too late.
    made.write("train", 2, replace(recording("train", 2), n_samples=400))
    data = run(made, **every)
    assert data.provenance["dropped"] == {"incomplete": 1 if made.study.layout == "things-eeg2" else 3}
    in_question = (whole.session == 2) & ~whole.test
    lost = in_question & (np.cumsum(in_question) > 5)
    assert data.image_ids.tolist() == whole.image_ids[~lost].tolist()


@each("things-eeg2-bids", "things-meg-bids", "bids")
def test_an_event_that_is_written_twice_counts_once(made, run):
    once = run(made)
    usual = recording("train", 2)
    made.write("train", 2, replace(usual, events=[event for event in usual.events for _ in range(2)]))
    twice = run(made)
    assert twice.image_ids.tolist() == once.image_ids.tolist()
    assert np.array_equal(twice.epochs, once.epochs)


@each("things-eeg2-bids", "things-meg-bids", "bids")
def test_two_events_at_one_sample(made, refused):
    file = made.write("train", 2, replace(recording("train", 2), events=[(50, 1, "train"), (50, 2, "train")]))
    events = file.with_name(f"{file.stem.rpartition('_')[0]}_events.tsv")
    line = refused(made, names=events, cure="rows must be in order of time, one trial at a time")
    assert "line 3: the trial starts at the same sample as that of line 2" in line


@each(*CONTINUOUS)
@pytest.mark.parametrize("events", [[], [(50, 1, "target")]], ids=["none", "targets-only"])
def test_zero_test_trials(made, refused, events):
    for session in (1, 2):
        made.write("test", session, replace(recording("test", session), events=events))
    line = refused(made, names=made.folder, cure="add the recordings that show images of split test")
    assert "trials of 0 test images" in line


@each(*CONTINUOUS)
def test_a_session_without_test_trials_is_used(made, run):
    made.write("test", 2, recording("test", 2, codes=()))
    data = run(made)
    assert set(data.session[data.test]) == {1}
    assert set(data.session[~data.test]) == {1, 2}


@each("things-eeg2-preprocessed")
def test_a_missing_file_of_test_trials(made, refused):
    made.files["test", 1].unlink()
    refused(made, names=made.folder, cure="add the recordings that show images of split test")


# Rates and channels


@each(*CONTINUOUS)
def test_mixed_sampling_rates_need_a_common_one(made, refused, run):
    usual = recording("train", 2)
    events = [(2 * onset, code, split) for onset, code, split in usual.events]
    file = made.write("train", 2, replace(usual, events=events, sfreq=200.0, n_samples=2 * usual.n_samples))
    assert "200.0 Hz" in refused(made, names=file, cure="set preprocess.sfreq", sfreq=None)
    data = run(made)
    assert (data.sfreq, data.epochs.shape) == (50.0, (20, 3, 50))
    assert np.isfinite(data.epochs).all()


@each("things-eeg2-preprocessed")
def test_mixed_sampling_rates_of_cut_trials(made, refused, run):
    file = change(made, ("test", 1), times=np.linspace(-0.2, 0.4, 121))
    short = {"start": 0.0, "stop": 0.4}
    assert "200.0 Hz" in refused(made, names=file, cure="set preprocess.sfreq", sfreq=None, crop=short)
    assert run(made, crop=short).epochs.shape == (20, 3, 20)


@each(*CONTINUOUS)
def test_channels_in_another_order_and_case_give_the_same_epochs(made, run):
    before = run(made)
    for partition in ("train", "test"):
        made.write(partition, 2, replace(recording(partition, 2), names=("PZ", "fp1", "oZ")))
    after = run(made)
    assert after.ch_names == before.ch_names
    assert np.array_equal(after.epochs, before.epochs)


@each("things-eeg2-preprocessed")
def test_channels_of_cut_trials_in_another_order_and_case(made, run):
    before = run(made)
    data = cut_content("test")["preprocessed_eeg_data"]
    change(made, ("test", 1), preprocessed_eeg_data=data[:, :, [2, 0, 1]], ch_names=["PZ", "fp1", "oZ"])
    assert np.array_equal(run(made).epochs, before.epochs)


@each(*CONTINUOUS)
def test_a_channel_that_one_file_lacks(made, refused):
    file = made.write("train", 2, replace(recording("train", 2), names=("Fp1", "Oz", "P3")))
    assert "channels are missing: Pz; present: Fp1, Oz, P3" in refused(made, names=file, cure="change preprocess.picks")


@each("things-eeg2")
@pytest.mark.parametrize("sfreq", [1e-300, 0.01, 1e9])
def test_a_rate_that_no_amplifier_has(made, refused, sfreq):
    for place in made.files:
        change(made, place, sfreq=sfreq)
    if sfreq > 1:  # every epoch would be longer than the recording
        refused(made, names=made.files["train", 1], cure="Get it again")
    else:
        refused(made, names=made.files["train", 1], cure="change it, or correct the recording's rate")


@each("things-eeg2")
def test_a_crop_without_a_sample(made, refused):
    for place in made.files:
        change(made, place, sfreq=1e-300)
    refused(made, names=made.files["train", 1], cure="widen it", sfreq=None)


@each("things-eeg2", "arrays")
@pytest.mark.filterwarnings("error")
def test_values_that_are_no_response(made, refused):
    file = made.files["train", 1]
    if made.study.layout == "arrays":
        responses = np.load(file)
        responses[3, 1, 5] = 1e300
        np.save(file, responses)
    else:
        data = np.load(file, allow_pickle=True).item()["raw_eeg_data"]
        data[1, 30] = 1e300
        change(made, ("train", 1), raw_eeg_data=data)
    # Beyond single precision, in which cut trials are read, a value is infinite.
    assert "channels hold " in refused(made, names=file, cure="leave them out (preprocess.exclude)", sfreq=None)


# On the command line


@each("things-eeg2", "things-meg-bids")
def test_the_stage_says_it_in_one_line_and_leaves_nothing(made, params, tmp_path, project_root):
    made.files["test", 2].write_text(STUB)
    params["study"] |= made.study.model_dump(mode="json")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    write_stimulus_table(made.table, tmp_path / "stimuli.csv")
    command = [sys.executable, "-m", "stages.preprocess", "--subject", SUBJECT, "--stimuli", tmp_path / "stimuli.csv"]
    command += ["--out", tmp_path / "out" / "x.zarr.zip", "--quality", tmp_path / "out" / "x.json"]
    command += ["--params-file", tmp_path / "params.yaml"]
    result = subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"trialign: {made.files['test', 2]}: ")
    assert result.stderr.endswith(f"{FETCH}, datalad get or git annex get\n")
    assert result.stderr.count("\n") == 1
    assert not list((tmp_path / "out").iterdir())
