"""What the phantom's recordings promise."""

import hashlib

import cv2
import numpy as np
import pytest

from pipeline_lib.phantom.drive import early_drive, low_level_maps
from pipeline_lib.phantom.electrodes import CHANNELS
from pipeline_lib.phantom.evoked import evoked_recording
from pipeline_lib.phantom.image_set import plan_image_set, write_image_set
from pipeline_lib.phantom.modality import MODALITIES
from pipeline_lib.phantom.person import make_person
from pipeline_lib.phantom.recordings import Session, record, shown_drives, write_recordings
from pipeline_lib.phantom.sources import WAVES

TARGET = 99999


@pytest.fixture(scope="module")
def study(tmp_path_factory, small_phantom):
    """A small study on disk: its parameters, pictures and root folder."""
    params = small_phantom()
    return params, *written(params, tmp_path_factory.mktemp("phantom"))


def written(params, root):
    images = plan_image_set(params)
    write_image_set(images, root / "image_set", seed=params.seed, size=params.image_size)
    list(write_recordings(images, root / "image_set", root, params))
    return images, root


def loaded(root, subject="sub-01", partition="training"):
    return np.load(root / subject / "ses-01" / f"raw_eeg_{partition}.npy", allow_pickle=True).item()


def digests(root):
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def events(raw):
    onsets = np.flatnonzero(raw["raw_eeg_data"][-1])
    return onsets, raw["raw_eeg_data"][-1, onsets].astype(int)


@pytest.mark.parametrize("partition", ["training", "test"])
def test_the_file_is_the_authors_dictionary(study, partition):
    raw = loaded(study[2], partition=partition)
    assert list(raw) == ["raw_eeg_data", "ch_names", "ch_types", "sfreq", "highpass", "lowpass"]
    assert raw["raw_eeg_data"].dtype == np.float64
    assert raw["raw_eeg_data"].shape[0] == 64
    assert raw["ch_names"] == [*CHANNELS, "stim"]
    assert raw["ch_types"] == ["eeg"] * 63 + ["stim"]
    assert (raw["sfreq"], raw["highpass"], raw["lowpass"]) == (1000, 0.01, 100)


def test_channels_are_volts_and_none_is_flat(study):
    deviation = loaded(study[2])["raw_eeg_data"][:-1].std(axis=1)
    assert 1e-6 < deviation.min() < deviation.max() < 100e-6


def test_mne_reads_the_events(study):
    import mne

    raw = loaded(study[2])
    info = mne.create_info(raw["ch_names"], raw["sfreq"], raw["ch_types"])
    found = mne.find_events(mne.io.RawArray(raw["raw_eeg_data"], info, verbose="error"), "stim", verbose="error")
    onsets, codes = events(raw)
    assert np.array_equal(found[:, 0], onsets)
    assert np.array_equal(found[:, 2], codes)


@pytest.mark.parametrize(("partition", "n_pictures", "repeats"), [("training", 12, 2), ("test", 4, 3)])
def test_event_counts_and_codes(study, partition, n_pictures, repeats):
    onsets, codes = events(loaded(study[2], partition=partition))
    counts = np.bincount(codes[codes != TARGET], minlength=n_pictures + 1)
    assert counts[0] == 0
    assert sorted(counts[1:]) == [repeats] * (n_pictures - 1) + [repeats + 1]
    assert (codes == TARGET).mean() == pytest.approx(0.1, abs=0.05)
    assert set(np.diff(onsets)) <= {200, 700}


def test_codes_count_the_rows_of_the_metadata(study):
    params, images, root = study
    metadata = np.load(root / "image_set" / "image_metadata.npy", allow_pickle=True).item()
    folders, files = metadata["train_img_concepts"], metadata["train_img_files"]
    paths = [
        root / "image_set" / "training_images" / folder / file for folder, file in zip(folders, files, strict=True)
    ]
    maps = np.stack([low_level_maps(cv2.imread(str(path))[..., ::-1]) for path in paths])
    maps = (maps - maps.mean(axis=(0, 2, 3), keepdims=True)) / maps.std(axis=(0, 2, 3), keepdims=True)
    expected = early_drive(maps, WAVES[0].n_dipoles, params.seed)
    drive = shown_drives(images, root / "image_set", params.seed)["training"]["early"]
    assert np.allclose(drive, (expected - expected.mean(axis=0)) / expected.std(axis=0))


def test_the_stim_channel_tells_what_was_shown(study, small_phantom):
    _, images, root = study
    drives = shown_drives(images, root / "image_set", 7)["test"]
    person = make_person(7, 1, MODALITIES["eeg"])
    raw = record(person, Session(1, 1, "test"), drives, small_phantom(snr=1000.0))
    onsets, codes = events({"raw_eeg_data": raw})
    explained = 1000.0 * evoked_recording(person.responses, drives, codes, onsets, raw.shape[1], 1000.0)
    assert (raw[:-1] - explained).std() < 20e-6 < 100 * 20e-6 < raw[:-1].std()


def test_the_evoked_part_grows_with_snr_and_vanishes_at_zero(study, small_phantom):
    _, images, root = study
    drives = shown_drives(images, root / "image_set", 7)["training"]
    person = make_person(7, 1, MODALITIES["eeg"])
    silent, once, twice = (
        record(person, Session(1, 1, "training"), drives, small_phantom(snr=snr))[:-1] for snr in (0.0, 1.0, 2.0)
    )
    assert np.array_equal(once, loaded(root)["raw_eeg_data"][:-1])
    assert np.allclose(twice - silent, 2 * (once - silent), rtol=0, atol=1e-15)
    assert np.sqrt(((once - silent) ** 2).mean()) > 1e-6
    nothing = {name: 0 * drive for name, drive in drives.items()}
    assert np.array_equal(record(person, Session(1, 1, "training"), nothing, small_phantom(snr=0.0))[:-1], silent)


def test_same_parameters_same_bytes(study, tmp_path):
    params, _, root = study
    assert digests(written(params, tmp_path)[1]) == digests(root)


def test_a_subject_does_not_depend_on_how_many_there_are(study, small_phantom, tmp_path):
    alone = digests(written(small_phantom(subjects=1), tmp_path)[1])
    everyone = digests(study[2])
    assert {name: everyone[name] for name in alone} == alone
    assert len(everyone) - len(alone) == 2


def test_another_seed_gives_another_study(study, small_phantom, tmp_path):
    other = digests(written(small_phantom(seed=8), tmp_path)[1])
    assert not set(other.values()) & set(digests(study[2]).values())


def test_subjects_sessions_and_partitions_differ(small_phantom, tmp_path):
    root = written(small_phantom(sessions=2), tmp_path)[1]
    recordings = [np.load(path, allow_pickle=True).item()["raw_eeg_data"] for path in sorted(root.glob("sub-*/*/*"))]
    assert len(recordings) == 8
    starts = np.stack([recording[0, :3000] for recording in recordings])
    assert np.abs(np.corrcoef(starts) - np.eye(8)).max() < 0.9
    training = [events({"raw_eeg_data": recording})[1].tolist() for recording in recordings[1::2]]
    assert len({tuple(codes) for codes in training}) == 4
