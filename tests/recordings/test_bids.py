"""Layout bids: studies of other people, as mne-bids and other programs write them."""

import json

import mne
import numpy as np
import pandas as pd
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.bids import LAYOUT, _folder
from tests.recordings.bids_study import ANNEX, SFREQ, noise, place_of, write_eeg_run, write_fif, write_table
from tests.recordings.tiny_study import preprocessed, study_params


def bids_params(root, **columns):
    names = {"task": None, "image": "stim_file", "split": "split", "concept": None} | columns
    return study_params(layout="bids", root=root, bids=names)


def events(*rows):
    """Rows of onset in seconds, stim_file and split."""
    table = pd.DataFrame(rows, columns=["onset", "stim_file", "split"])
    table.insert(1, "duration", 0.1)
    return table


SHOWN = events((1.0, "cat\\cat_1.png", "train"), (1.5, "n/a", "response"), (2.006, "dog/dog_1.png", "TEST"))


def test_columns_are_those_of_the_study(tmp_path):
    write_eeg_run(tmp_path, "sub-a_task-x", SHOWN.rename(columns={"stim_file": "picture", "split": "part"}))
    study = bids_params(tmp_path, image="picture", split="part")
    (run,) = LAYOUT.runs(study, "sub-a")
    expected = [
        [100, "cat/cat_1.png", "train", "cat"],
        [150, "n/a", "response", "n/a"],
        [201, "dog/dog_1.png", "test", "dog"],  # 200.6 samples
    ]
    assert run.events().to_numpy().tolist() == expected
    with pytest.raises(InputError, match=r"events\.tsv: columns are missing: stim_file, split; it has: onset, .*part"):
        LAYOUT.runs(bids_params(tmp_path), "sub-a")[0].events()


def test_a_stub_without_channels_is_said_to_be_one_before_any_pick(tmp_path, settings, table):
    base = write_eeg_run(tmp_path, "sub-a_task-x", events((1.0, "train/1.jpg", "train")))
    base.with_name(f"{base.name}_eeg.bdf").write_text(ANNEX)
    base.with_name(f"{base.name}_channels.tsv").unlink()
    with pytest.raises(InputError, match=r"eeg\.bdf: neither the signal nor a channels.tsv names channels; get the"):
        preprocessed(bids_params(tmp_path), settings(), "sub-a", table)


def test_concepts_may_have_a_column(tmp_path):
    write_eeg_run(tmp_path, "sub-a_task-x", SHOWN.assign(kind=["animal", "n/a", "pet"]))
    (run,) = LAYOUT.runs(bids_params(tmp_path, concept="kind"), "sub-a")
    assert run.events()["concept"].tolist() == ["animal", "n/a", "pet"]


def test_onsets_count_from_the_first_sample_of_the_file(tmp_path):
    base = place_of(tmp_path, "sub-a_task-x", "meg")
    write_table(base.with_name(f"{base.name}_events.tsv"), events((2.0, "a.png", "train")))
    data = np.zeros((1, 1000))
    data[0, 200] = 1e-12
    write_fif(base.with_name(f"{base.name}_meg.fif"), data, ["M1"], ["mag"], first_samp=5000)
    (run,) = LAYOUT.runs(bids_params(tmp_path), "sub-a")
    onset = run.events()["onset"].tolist()
    assert (onset, np.flatnonzero(run.signal().data[0]).tolist()) == ([200], [200])


def test_only_the_task_of_the_study_is_read(tmp_path):
    write_eeg_run(tmp_path, "sub-a_task-look", SHOWN)
    write_eeg_run(tmp_path, "sub-a_task-rest", pd.DataFrame({"onset": [1.0], "duration": [0.0]}))
    assert len(LAYOUT.runs(bids_params(tmp_path), "sub-a")) == 2
    (run,) = LAYOUT.runs(bids_params(tmp_path, task="look"), "sub-a")
    assert run.file.name == "sub-a_task-look_eeg.bdf"
    with pytest.raises(InputError, match=r"no runs of task listen .* tasks there: look, rest"):
        LAYOUT.runs(bids_params(tmp_path, task="listen"), "sub-a")


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_trial_without_image_is_named(tmp_path, split):
    write_eeg_run(tmp_path, "sub-a_task-x", events((1.0, "a.png", "train"), (2.0, "n/a", split)))
    (run,) = LAYOUT.runs(bids_params(tmp_path), "sub-a")
    with pytest.raises(InputError, match=rf"events\.tsv, line 3: a {split} trial names no image in column stim_file"):
        run.events()


def test_the_rate_is_that_of_the_signal_not_of_the_sidecar(tmp_path):
    base = write_eeg_run(tmp_path, "sub-a_task-x", SHOWN)
    base.with_name("sub-a_task-x_eeg.json").write_text('{"SamplingFrequency": 512}')
    (run,) = LAYOUT.runs(bids_params(tmp_path), "sub-a")
    assert (run.header().sfreq, run.events()["onset"].tolist()) == (SFREQ, [100, 150, 201])


def test_a_stub_takes_the_rate_of_the_sidecar(tmp_path):
    base = write_eeg_run(tmp_path, "sub-a_task-x", SHOWN)
    base.with_name("sub-a_task-x_eeg.bdf").write_text("/annex/objects/MD5E-s1--d.bdf")
    (run,) = LAYOUT.runs(bids_params(tmp_path), "sub-a")
    assert run.events()["onset"].tolist() == [100, 150, 201]
    assert run.header().ch_names == ["Oz", "Pz"]
    base.with_name("sub-a_task-x_eeg.json").unlink()
    with pytest.raises(InputError, match=r"events\.tsv: onsets are in seconds and the sampling rate is unknown; get"):
        run.events()


def test_a_folder_of_any_name_may_be_a_subject(tmp_path):
    base = tmp_path / "person one" / "eeg" / "look"
    base.parent.mkdir(parents=True)
    write_table(base.with_name("look_events.tsv"), events((1.0, "a.png", "train")))
    write_fif(base.with_name("look_eeg.fif"), noise(1, scale=1e-5), ["Oz"], ["eeg"])
    (run,) = LAYOUT.runs(bids_params(tmp_path), "person one")
    assert (len(run.events()), run.signal().data.shape, run.session) == (1, (1, 1000), 1)


# As mne-bids writes


@pytest.fixture
def written(tmp_path):
    """A study written by mne-bids, in any of its formats; returns its root and the samples."""
    import mne_bids

    def write(kind, file_format):
        types = ["eeg", "eeg", "eog", "misc"] if kind == "eeg" else ["mag", "mag", "grad", "stim"]
        data = noise(4, scale=1e-5 if kind == "eeg" else 1e-12)
        data[3] = 0
        raw = mne.io.RawArray(data, mne.create_info(["A1", "A2", "A3", "A4"], 100.0, types), verbose="error")
        raw.info["line_freq"] = 50
        if kind == "eeg":
            raw.set_annotations(mne.Annotations([1.0, 4.25], [0.1, 0.1], ["pic", "pic"]))
        path = mne_bids.BIDSPath(
            root=tmp_path, subject="07", session="b", task="look", run="01", datatype=kind, suffix=kind
        )
        mne_bids.write_raw_bids(raw, path, allow_preload=True, format=file_format, overwrite=True, verbose="error")
        stem = "sub-07_ses-b_task-look_run-01"
        write_table(
            tmp_path / f"sub-07/ses-b/{kind}/{stem}_events.tsv",
            events((1, "c/1.png", "train"), (4.25, "d/2.png", "test")),
        )
        return data

    return write


@pytest.mark.filterwarnings("ignore:Encountered unsupported non-voltage units")
@pytest.mark.parametrize(
    ("kind", "file_format", "names", "atol"),
    [
        ("eeg", "BrainVision", ["A1", "A2"], 1e-10),
        ("eeg", "EDF", ["A1", "A2"], 5e-9),
        ("meg", "FIF", ["A1", "A2", "A3"], 1e-18),
    ],
)
def test_a_study_by_mne_bids_is_read(tmp_path, written, kind, file_format, names, atol):
    data = written(kind, file_format)
    study = bids_params(tmp_path)
    (run,) = LAYOUT.runs(study, "sub-07")
    signal = run.signal()
    assert (run.session, signal.ch_names, signal.sfreq) == (1, names, 100)
    np.testing.assert_allclose(signal.data[:, :1000], data[: len(names)], rtol=0, atol=atol)
    assert run.events()["onset"].tolist() == [100, 425]
    assert [defect.what for defect in LAYOUT.defects(study, "sub-07") if "coordsystem" not in defect.what] == []


@pytest.mark.filterwarnings("ignore:Encountered unsupported non-voltage units")
@pytest.mark.parametrize("kind", ["eeg", "meg"])
def test_signals_are_those_that_mne_bids_reads(tmp_path, written, kind):
    import mne_bids

    written(kind, "BrainVision" if kind == "eeg" else "FIF")
    (run,) = LAYOUT.runs(bids_params(tmp_path), "sub-07")
    path = mne_bids.get_bids_path_from_fname(run.file)
    raw = mne_bids.read_raw_bids(path, verbose="error").pick(kind)
    signal = run.signal()
    assert signal.ch_names == raw.ch_names
    np.testing.assert_array_equal(signal.data, raw.get_data())
    sidecar = json.loads(run.file.with_suffix(".json").read_text())
    assert sidecar["SamplingFrequency"] == run.header().sfreq


@pytest.mark.parametrize(
    ("image", "concept"), [("cats/1.jpg", "cats"), ("set/cats/1.jpg", "cats"), ("train/1.jpg", "n/a"), ("1.jpg", "n/a")]
)
def test_a_folder_named_after_a_split_is_no_concept(image, concept):
    assert _folder(image) == concept
