"""Nothing of the test leaks into training, from the files of a study to its stored trials.

Each study has three concepts that are only trained, and two that are tested. THINGS-MEG shows pictures of all five as
training, in the same runs as the tests.
"""

from pathlib import Path
from typing import Any

import mne
import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings import preprocess
from pipeline_lib.recordings.store import open_store, write_store
from pipeline_lib.stimuli.catalogue import read_catalogue
from tests.recordings.every_layout import SUBJECT, Recording, write_recording
from tests.recordings.tiny_study import preprocessed, study_params

TRAINED, TESTED = ["aardvark", "abacus", "bat1"], ["dog", "emu"]
TRAINING_CODES = {1: "aardvark", 2: "abacus", 3: "bat1", 4: "dog", 5: "emu"}
TEST_CODES = {6: "dog", 7: "emu"}
OF_TESTED = [4, 5, 6, 7]
SHOWN = [1, 6, 4, 2, 7, 3, 5, 7, 1, 6, 3, 2, 4, 6]
SPACING = 150  # samples at 100 Hz: epochs do not overlap


def pictures(folder: Path) -> dict[int, str]:
    """Write a picture for each code, ``dog/dog_06s.jpg``, as THINGS does; their files by code."""
    files = {code: f"{name}/{name}_{code:02d}s.jpg" for code, name in (TRAINING_CODES | TEST_CODES).items()}
    for file in files.values():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    return files


def write_image_set(folder: Path, training: list[str]) -> None:
    """An image set of THINGS-EEG2 with these training concepts, the tested ones, and centre pictures of those."""
    named = {"train": training, "test": TESTED}
    metadata = {}
    for split, top in (("train", "training_images"), ("test", "test_images"), ("center", "center_images")):
        names = named.get(split, TESTED)
        folders = [f"{number:05d}_{name}" for number, name in enumerate(names, 1)]
        files = [f"{name}_01b.jpg" if split != "center" else f"{name}_02b.jpg" for name in names]
        for place, file in zip(folders, files, strict=True):
            (folder / top / place).mkdir(parents=True)
            (folder / top / place / file).write_text(file)
        metadata |= {f"{split}_img_concepts": folders, f"{split}_img_files": files}
    np.save(folder / "image_metadata.npy", metadata)


class Eeg2:
    """THINGS-EEG2: training and test in files of their own; codes count the pictures of each."""

    layout = "things-eeg2"

    def __init__(self, root: Path, *, training: list[str] = TRAINED, closed_set: bool = False) -> None:
        write_image_set(root / "images", training)
        self.codes = {"train": [*range(1, len(training) + 1)] * 2, "test": [2, 1, 1, 2]}
        self.study = study_params(
            layout=self.layout,
            root=root / "raw",
            images=root / "images",
            stimuli=root / "images",
            closed_set=closed_set,
        )
        self.record(changed=False)

    def record(self, *, changed: bool) -> None:
        """Write two sessions, the test's data changed or not."""
        for session in (1, 2):
            for split, codes in self.codes.items():
                other = changed and split == "test"
                shown = [(code, split) for code in (codes[::-1] if other else codes)]
                made = recorded(shown, seed=99 if other else session + 5 * (split == "test"))
                write_recording(self.layout, self.study.root, session, split, made)


class MegBids:
    """THINGS-MEG: tests amid training in each run; codes count the pictures of both together."""

    layout = "things-meg-bids"

    def __init__(self, root: Path, *, closed_set: bool = False) -> None:
        files = pictures(root / "images")
        self.study = study_params(
            layout=self.layout,
            root=root / "raw",
            images=root / "images",
            stimuli=root / "raw",
            closed_set=closed_set,
        )
        (root / "raw" / "sourcedata").mkdir(parents=True)
        rows = [f"{code},00001_{Path(file).parent},{Path(file).name}" for code, file in files.items()]
        names = root / "raw" / "sourcedata" / "meg_value_to_image.csv"
        names.write_text("\n".join(["Event_ID,Category_Prefix,Image", *rows]) + "\n")
        self.record(changed=False)

    def record(self, *, changed: bool) -> None:
        """Write a run in each of two sessions, what is recorded while tested concepts are shown changed or not."""
        shown = [(code, "test" if code in TEST_CODES else "train") for code in SHOWN]
        for session in (1, 2):
            made = recorded(shown, seed=session, loud=OF_TESTED if changed else ())
            write_recording(self.layout, self.study.root, session, "train", made)


class MegEpochs:
    """THINGS-MEG's cut trials: a list says which pictures are tests."""

    layout = "things-meg-epochs"

    def __init__(self, root: Path, *, closed_set: bool = False) -> None:
        files = pictures(root / "images")
        rows = [f"{code},{file},{'test' if code in TEST_CODES else 'train'}" for code, file in files.items()]
        (root / "images.csv").write_text("\n".join(["value,image,split", *rows]) + "\n")
        self.study = study_params(
            layout=self.layout,
            root=root / "raw",
            images=root / "images",
            stimuli=root / "images.csv",
            closed_set=closed_set,
        )
        self.record(changed=False)

    def record(self, *, changed: bool) -> None:
        """Write the trials, those of tested concepts changed or not."""
        codes = np.array(SHOWN * 2)
        data = np.random.default_rng(0).standard_normal((len(codes), 3, 121))
        if changed:
            data[np.isin(codes, OF_TESTED)] *= 30
        info = mne.create_info(["MLC11", "MLO11", "MRO12"], 100, "mag")
        events = np.c_[np.arange(len(codes)), np.zeros(len(codes), int), codes]
        folder = self.study.root / SUBJECT
        folder.mkdir(parents=True, exist_ok=True)
        epochs = mne.EpochsArray(data, info, events, tmin=-0.2, verbose="error")
        epochs.save(folder / "preprocessed_P1-epo.fif", overwrite=True, verbose="error")


def recorded(shown: list[tuple[int, str]], **more: Any) -> Recording:
    """A recording of pictures (code, split) in their order."""
    events = [(100 + SPACING * number, code, split) for number, (code, split) in enumerate(shown)]
    return Recording(events, 200 * -(-(100 + SPACING * (len(events) + 1)) // 200), **more)


KINDS = {"things-eeg2": Eeg2, "things-meg-bids": MegBids, "things-meg-epochs": MegEpochs}


@pytest.fixture
def stored(settings, tmp_path):
    """From a study's files to the store, by the study's own catalogue: the store, and the concept of each image."""

    def run(study, **changes):
        table = read_catalogue(study)
        wanted = settings(**{"sfreq": 50.0, "max_repeats": {"train": None, "test": None}} | changes)
        write_store(tmp_path / "x.zarr.zip", preprocessed(study, wanted, SUBJECT, table).data)
        return open_store(tmp_path / "x.zarr.zip"), table.frame.set_index("image_id")["concept"].to_dict()

    return run


def concepts(store, concept_of, *, test):
    """Those of the single trials and those of the means."""
    return [{concept_of[name] for name in part(test).image_ids} for part in (store.trials, store.means)]


@pytest.mark.parametrize("kind", KINDS)
def test_training_trials_show_no_tested_concept(kind, tmp_path, stored):
    store, concept_of = stored(KINDS[kind](tmp_path).study)
    assert concepts(store, concept_of, test=False) == [set(TRAINED)] * 2
    assert concepts(store, concept_of, test=True) == [set(TESTED)] * 2


@pytest.mark.parametrize("kind", ["things-meg-bids", "things-meg-epochs"])
def test_what_was_shown_of_tested_concepts_is_counted(kind, tmp_path, stored):
    store, _ = stored(KINDS[kind](tmp_path).study)
    n_sessions = 2
    assert store.attrs["provenance"]["dropped"] == {"zero-shot": n_sessions * sum(code in (4, 5) for code in SHOWN)}


@pytest.mark.parametrize("kind", ["things-meg-bids", "things-meg-epochs"])
def test_a_closed_set_trains_tested_concepts_by_other_pictures(kind, tmp_path, stored):
    store, concept_of = stored(KINDS[kind](tmp_path, closed_set=True).study)
    assert concepts(store, concept_of, test=False) == [{*TRAINED, *TESTED}] * 2
    assert concepts(store, concept_of, test=True) == [set(TESTED)] * 2
    assert not set(store.means(test=False).image_ids) & set(store.means(test=True).image_ids)
    assert store.attrs["provenance"]["closed_set"] is True


def test_an_image_set_that_trains_tested_concepts_needs_a_closed_set(tmp_path, stored):
    with pytest.raises(InputError, match=r"1 concepts stand in both training and test: dog; .*study\.closed_set=true"):
        stored(Eeg2(tmp_path / "open", training=[*TRAINED, "dog"]).study)
    store, concept_of = stored(Eeg2(tmp_path / "closed", training=[*TRAINED, "dog"], closed_set=True).study)
    assert concepts(store, concept_of, test=False) == [{*TRAINED, "dog"}] * 2


@pytest.fixture
def matrices(monkeypatch):
    """The whitening matrices as they are made, one per session."""
    found = []
    fit = preprocess.fit_whitening

    def noted(*args, **options):
        fitted = fit(*args, **options)
        found.append(fitted.matrix)
        return fitted

    monkeypatch.setattr(preprocess, "fit_whitening", noted)
    return found


@pytest.mark.parametrize("covariance", ["epochs", "time"])
@pytest.mark.parametrize("fit_on", ["train", "train+test"])
@pytest.mark.parametrize("kind", KINDS)
def test_whitening_never_sees_the_test_unless_asked_to(kind, fit_on, covariance, tmp_path, stored, matrices):
    made = KINDS[kind](tmp_path)
    wanted = {"whitening__fit_on": fit_on, "whitening__covariance": covariance}
    before = stored(made.study, **wanted)[0].trials(test=False)
    n_sessions = len(matrices)
    made.record(changed=True)
    after = stored(made.study, **wanted)[0].trials(test=False)
    assert len(matrices) == 2 * n_sessions > 0
    unchanged = fit_on == "train"
    for one, other in zip(matrices[:n_sessions], matrices[n_sessions:], strict=True):
        assert np.array_equal(one, other) == unchanged
    assert np.array_equal(before.epochs, after.epochs) == unchanged


@pytest.mark.parametrize("kind", KINDS)
def test_means_and_deviations_of_channels_are_those_of_training_alone(kind, tmp_path, stored):
    made = KINDS[kind](tmp_path)
    wanted = {"standardize": "train", "whitening__enabled": False}
    before = stored(made.study, **wanted)[0]
    made.record(changed=True)
    after = stored(made.study, **wanted)[0]
    assert np.array_equal(before.trials(test=False).epochs, after.trials(test=False).epochs)
    assert np.array_equal(before.means(test=False).epochs, after.means(test=False).epochs)
    assert not np.array_equal(before.trials(test=True).epochs, after.trials(test=True).epochs)
