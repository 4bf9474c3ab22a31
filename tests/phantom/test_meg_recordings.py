"""What the MEG phantom's recordings promise."""

import csv
import hashlib

import mne
import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.phantom.helmet import BROKEN
from pipeline_lib.phantom.image_set import as_things, plan_image_set, write_pictures
from pipeline_lib.phantom.meg_files import channel_names
from pipeline_lib.phantom.meg_recordings import (
    MegRun,
    numbered,
    planned_runs,
    record_run,
    shown_drives,
    write_meg_study,
)
from pipeline_lib.phantom.modality import MODALITIES
from pipeline_lib.phantom.person import make_person

MEG = {"modality": "meg", "subjects": 2, "sessions": 2, "train_repeats": 1, "test_repeats": 2, "center_images": 3}
SENSORS = [row for row, name in enumerate(channel_names()) if name[0] == "M" and not name.startswith(BROKEN)]


@pytest.fixture(scope="module")
def study(tmp_path_factory, small_phantom):
    """A small study on disk: its parameters, pictures and root folder."""
    params = small_phantom(**MEG)
    return params, *written(params, tmp_path_factory.mktemp("phantom-meg"))


def written(params, root):
    images = as_things(plan_image_set(params))
    write_pictures(images, root / "image_set", seed=params.seed, size=params.image_size)
    list(write_meg_study(images, root / "image_set", root, params))
    return images, root


def table(path, delimiter="\t"):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def all_events(root, subject="sub-BIGMEG1"):
    return [row for path in sorted(root.glob(f"{subject}/ses-*/meg/*_events.tsv")) for row in table(path)]


def image_list(root):
    rows = table(root / "sourcedata/meg_value_to_image.csv", ",")
    return {float(row["Event_ID"]): row for row in rows}


def digests(root):
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_files_have_the_names_of_things_meg(study):
    names = {path.relative_to(study[2]).as_posix() for path in study[2].rglob("*") if path.is_file()}
    stem = "sub-BIGMEG2/ses-02/meg/sub-BIGMEG2_ses-02_task-main_run-01"
    parts = ("meg.fif", "events.tsv", "channels.tsv", "meg.json", "coordsystem.json")
    assert {f"{stem}_{part}" for part in parts} <= names
    assert {"dataset_description.json", "participants.tsv", "sourcedata/meg_value_to_image.csv"} <= names
    recordings = [name for name in names if not name.startswith("image_set/")]
    assert len(recordings) == 3 + 2 * 2 * len(parts)


def test_every_number_is_a_picture_on_disk(study):
    images, root = study[1:]
    listed = image_list(root)
    files = [root / "image_set" / row["Category_Prefix"] / row["Image"] for row in listed.values()]
    assert list(listed) == list(range(1, 12 + 4 + 12 + 1))
    assert all(file.is_file() for file in files)
    assert len(set(files)) == len(listed) == len(list((root / "image_set").rglob("*.jpg")))
    assert {path.parent.name for path in files} == {picture.things_concept for picture in (*images.train, *images.test)}


def test_the_list_of_images_is_written_as_the_real_one(study, real_data):
    ours = (study[2] / "sourcedata/meg_value_to_image.csv").read_bytes()
    real = (real_data / "things-metadata/meg_value_to_image.csv").read_bytes()
    assert ours.splitlines(keepends=True)[0] == real.splitlines(keepends=True)[0]
    assert ours.endswith(b".jpg\r\n")


def test_numbers_of_concepts_are_not_those_of_their_folders(study):
    listed, events = image_list(study[2]), all_events(study[2])
    concepts = {(row["things_category_nr"], listed[float(row["value"])]["Category_Prefix"]) for row in shown(events)}
    numbers, folders = zip(*sorted(concepts), strict=True)
    assert len(concepts) == len(set(numbers)) == len(set(folders)) == 10
    by_number = [folder.split("_")[1] for _, folder in sorted(concepts, key=lambda pair: float(pair[0]))]
    assert by_number == sorted(by_number)
    assert [int(folder.split("_")[0]) for folder in folders] != [int(float(number)) for number in numbers]


def shown(events, *kinds):
    return [row for row in events if row["trial_type"] in (kinds or ("exp", "test"))]


@pytest.mark.parametrize("subject", ["sub-BIGMEG1", "sub-BIGMEG2"])
def test_training_shows_other_pictures_of_every_test_concept(study, subject):
    events = all_events(study[2], subject)
    exp, test = shown(events, "exp"), shown(events, "test")
    assert not {row["value"] for row in exp} & {row["value"] for row in test}
    assert len({row["things_category_nr"] for row in test}) == 4
    assert {row["things_category_nr"] for row in test} < {row["things_category_nr"] for row in exp}


def test_each_training_picture_comes_once_and_each_test_picture_in_every_session(study):
    events = all_events(study[2])
    exp, test = ([row["value"] for row in shown(events, kind)] for kind in ("exp", "test"))
    assert len(exp) == len(set(exp)) == 12 + 12
    assert {test.count(value) for value in test} == {2 * 2}
    assert len(shown(events, "catch")) == pytest.approx(0.1 * len(events), abs=2)


def test_the_trigger_marks_the_samples_of_the_table(study):
    for signal in sorted(study[2].rglob("*_meg.fif")):
        events = table(signal.with_name(signal.name.replace("_meg.fif", "_events.tsv")))
        raw = mne.io.read_raw_fif(signal, verbose="error")
        found = mne.find_events(raw, "UPPT001", verbose="error")
        assert found[:, 0].tolist() == [int(row["sample"]) for row in events]
        assert set(found[:, 2]) == {64}
        assert found[-1, 0] + 1.3 * 1200 < raw.n_times


def test_sensors_are_as_loud_as_a_helmet_round_a_head(study):
    raw = mne.io.read_raw_fif(next(study[2].rglob("*_meg.fif")), verbose="error")
    deviation = raw.get_data().std(axis=1)
    assert 200e-15 < deviation[SENSORS].min() < deviation[SENSORS].max() < 2e-12
    broken = raw.ch_names.index("MRO11-1609")
    assert deviation[broken] > 5 * deviation[SENSORS].max()


def one_run(study, small_phantom, codes, onsets, **changes):
    params, images, root = study
    drives = shown_drives(images, numbered(images), root / "image_set", params.seed)
    person = make_person(params.seed, 1, MODALITIES["meg"])
    return record_run(MegRun(1, 1, 1, np.array(codes)), onsets, person, drives, small_phantom(**{**MEG, **changes}))


def test_an_evoked_field_of_some_hundred_femtotesla_peaks_at_the_simulated_times(study, small_phantom):
    onsets = np.array([1200])
    silent, loud = (one_run(study, small_phantom, [1], onsets, snr=snr) for snr in (0.0, 1.0))
    evoked = (loud - silent)[SENSORS, 1200:]
    power = np.sqrt((evoked**2).mean(axis=0))
    milliseconds = np.arange(len(power)) / 1.2
    assert milliseconds[power[:160].argmax()] == pytest.approx(100, abs=15)
    late = (milliseconds > 250) & (milliseconds < 600)
    assert milliseconds[late][power[late].argmax()] == pytest.approx(350, abs=60)
    assert 50e-15 < np.abs(evoked).max() < 1e-12
    assert not evoked[:, 0].any()


def test_only_sensors_see_the_brain(study, small_phantom):
    onsets = np.array([1200, 1560])
    silent, loud = (one_run(study, small_phantom, [1, 2], onsets, snr=snr) for snr in (0.0, 100.0))
    changed = np.flatnonzero((silent != loud).any(axis=1))
    assert changed.tolist() == SENSORS


def test_numbers_of_pictures_drive_the_right_pictures(study):
    params, images, root = study
    shown_pictures = numbered(images)
    drives = shown_drives(images, shown_pictures, root / "image_set", params.seed)["mid"]
    concepts = [picture.concept[:2] for picture in shown_pictures.pictures]
    for first in range(len(concepts)):
        for second in range(first):
            alike = np.allclose(drives[first], drives[second])
            assert alike == (concepts[first] == concepts[second])  # mid dipoles answer to shape and pattern alone


def test_same_parameters_same_bytes(study, tmp_path):
    params, _, root = study
    assert digests(written(params, tmp_path)[1]) == digests(root)


def test_a_subject_does_not_depend_on_how_many_there_are(study, small_phantom, tmp_path):
    alone = digests(written(small_phantom(**{**MEG, "subjects": 1}), tmp_path)[1])
    everyone = digests(study[2])
    assert {name for name in alone if alone[name] != everyone[name]} == {"participants.tsv"}


def test_runs_differ(study):
    starts = np.stack(
        [
            mne.io.read_raw_fif(path, verbose="error").get_data(["MZO01-1609"], 0, 3000)[0]
            for path in sorted(study[2].rglob("*_meg.fif"))
        ]
    )
    assert np.abs(np.corrcoef(starts) - np.eye(len(starts))).max() < 0.9


def test_more_sessions_than_training_pictures_get_one_clear_line(small_phantom):
    params = small_phantom(**{**MEG, "sessions": 13})
    with pytest.raises(InputError, match=r"phantom\.sessions is 13, .* there are 12"):
        planned_runs(numbered(as_things(plan_image_set(params))), params)
