"""The phantom's MEG recordings in the layout of THINGS-MEG: runs of a BIDS study, and the list of its images."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline_lib.common.errors import InputError
from pipeline_lib.phantom.drive import picture_drives
from pipeline_lib.phantom.helmet import BROKEN
from pipeline_lib.phantom.image_set import ImageSet, Picture
from pipeline_lib.phantom.meg_design import SFREQ, run_length, run_onsets, session_codes
from pipeline_lib.phantom.meg_files import (
    LARGEST,
    REFERENCES,
    SUFFIX,
    TASK,
    TRIGGER,
    TRIGGER_LENGTH,
    channel_names,
    subject_label,
    write_events,
    write_fif,
    write_sidecars,
    write_study_files,
    write_table,
)
from pipeline_lib.phantom.modality import MODALITIES
from pipeline_lib.phantom.params import PhantomParams
from pipeline_lib.phantom.person import Person, make_person
from pipeline_lib.phantom.recordings import Drives, measured
from pipeline_lib.phantom.streams import Stream, generator

IMAGE_LIST = "sourcedata/meg_value_to_image.csv"
REFERENCE_RMS = 5e-12  # tesla: what disturbs the room
BROKEN_LEVEL, BROKEN_STEP = 10e-12, 600  # tesla (sd of the level it jumps to), samples from one jump to the next


@dataclass(frozen=True)
class Numbered:
    """The pictures by number, as THINGS-MEG numbers them: over training and test together, concepts by their names.

    Attributes
    ----------
    pictures : tuple of Picture
        The one at index i has number i + 1 (``value`` in events.tsv).
    categories : tuple of int
        Number of each picture's concept among all, by name: not the one in the folder's name.
    is_test : ndarray of bool, shape (n_pictures,)
    """

    pictures: tuple[Picture, ...]
    categories: tuple[int, ...]
    is_test: np.ndarray

    def codes(self, *, test: bool) -> np.ndarray:
        """The numbers of the test or of the training pictures."""
        return np.flatnonzero(self.is_test == test) + 1


@dataclass(frozen=True)
class MegRun:
    """One run: what is shown, and in which run of which session of which subject, all from 1."""

    subject: int
    session: int
    run: int
    codes: np.ndarray

    @property
    def stem(self) -> str:
        """The run's files below the study's root, without their last part."""
        subject, session = subject_label(self.subject), f"ses-{self.session:02d}"
        return f"{subject}/{session}/meg/{subject}_{session}_task-{TASK}_run-{self.run:02d}"


def numbered(images: ImageSet) -> Numbered:
    """Number the pictures of a set whose centre pictures are shown as training pictures."""
    pictures = sorted((*images.train, *images.test, *images.center), key=_concept_and_instance)
    names = sorted({_concept_name(picture) for picture in pictures})
    test = set(images.test)
    return Numbered(
        pictures=tuple(pictures),
        categories=tuple(names.index(_concept_name(picture)) + 1 for picture in pictures),
        is_test=np.array([picture in test for picture in pictures]),
    )


def planned_runs(images: Numbered, params: PhantomParams) -> list[MegRun]:
    """Every run of the study.

    Raises
    ------
    InputError
        If there are more sessions than training pictures to deal out.
    """
    exp, test = images.codes(test=False), images.codes(test=True)
    if params.sessions > params.train_concepts * params.train_images:
        raise InputError(
            f"phantom.sessions is {params.sessions}, but in the MEG each training picture is shown in one session "
            f"alone, and there are {params.train_concepts * params.train_images}"
        )
    return [
        MegRun(subject, session, run, codes)
        for subject in range(1, params.subjects + 1)
        for session in range(1, params.sessions + 1)
        for run, codes in enumerate(session_codes(exp, test, params, subject, session), start=1)
    ]


def write_meg_study(images: ImageSet, folder: Path, root: Path, params: PhantomParams) -> Iterator[Path]:
    """Record and write every run.

    Parameters
    ----------
    images : ImageSet
        What is shown; centre pictures too.
    folder : Path
        Where its files are.
    root : Path
        The study's root folder.
    params : PhantomParams
        The study's size and signal.

    Yields
    ------
    Path
        Each run's signal, once all its files are written.
    """
    shown = numbered(images)
    write_study_files(root, params.subjects)
    write_image_list(root / IMAGE_LIST, shown)
    drives = shown_drives(images, shown, folder, params.seed)
    people: dict[int, Person] = {}
    for run in planned_runs(shown, params):
        if run.subject not in people:
            people = {run.subject: make_person(params.seed, run.subject, MODALITIES["meg"])}
        yield write_run(root / run.stem, run, people[run.subject], drives, shown, params)


def shown_drives(images: ImageSet, shown: Numbered, folder: Path, seed: int) -> Drives:
    """What the pictures do to the average person's dipoles; rows by number, scaled by the training pictures."""
    pictures = [*images.train, *images.test, *images.center]
    order = [pictures.index(picture) for picture in shown.pictures]
    drives = picture_drives(pictures, folder, n_train=len(images.train), seed=seed)
    return {name: drive[order] for name, drive in drives.items()}


def write_run(stem: Path, run: MegRun, person: Person, drives: Drives, shown: Numbered, params: PhantomParams) -> Path:
    """Record one run and write its files; returns the signal's."""
    onsets = run_onsets(generator(params.seed, Stream.DESIGN, run.subject, run.session, run.run), len(run.codes))
    stem.parent.mkdir(parents=True, exist_ok=True)
    write_events(Path(f"{stem}_events.tsv"), run.codes, onsets, shown.categories, shown.is_test)
    write_sidecars(stem, run_length(onsets))
    signal = Path(f"{stem}_meg.fif")
    write_fif(signal, record_run(run, onsets, person, drives, params))
    return signal


def record_run(run: MegRun, onsets: np.ndarray, person: Person, drives: Drives, params: PhantomParams) -> np.ndarray:
    """Record one run.

    Parameters
    ----------
    run : MegRun
        What is shown; with `params.seed` it decides the noise.
    onsets : ndarray of int, shape (n_events,)
        Samples.
    person : Person
        Who is recorded.
    drives : mapping of str to ndarray, shape (n_pictures, n_dipoles)
        By wave: what the pictures do.
    params : PhantomParams
        Signal.

    Returns
    -------
    ndarray of float64, shape (n_channels, n_samples)
        In the order of :func:`pipeline_lib.phantom.meg_files.channel_names`: tesla, and the trigger's value.
    """
    n_samples = run_length(onsets)
    which = run.subject, run.session, run.run
    noise = generator(params.seed, Stream.NOISE, *which)
    names = channel_names()
    data = np.zeros((len(names), n_samples))
    broken, n_references = names.index(BROKEN + SUFFIX), len(REFERENCES)
    sensors = [row for row in range(n_references, len(names) - 1) if row != broken]
    data[sensors] = measured(person, drives, run.codes, onsets, n_samples, SFREQ, noise=noise, snr=params.snr)
    artifact = generator(params.seed, Stream.ARTIFACT, *which)
    data[:n_references] = REFERENCE_RMS * artifact.standard_normal((n_references, n_samples))
    data[broken] = broken_sensor(artifact, n_samples)
    data[-1, (onsets[:, None] + np.arange(TRIGGER_LENGTH)).ravel()] = TRIGGER
    return data


def broken_sensor(rng: np.random.Generator, n_samples: int) -> np.ndarray:
    """What a broken sensor says: noise a hundred times too loud, and jumps. Tesla, shape (n_samples,)."""
    levels = rng.normal(0, BROKEN_LEVEL, n_samples // BROKEN_STEP + 1).repeat(BROKEN_STEP)[:n_samples]
    return np.clip(levels + BROKEN_LEVEL * rng.standard_normal(n_samples), -LARGEST, LARGEST)


def write_image_list(path: Path, shown: Numbered) -> None:
    """Write which number is which picture, as THINGS-MEG's authors do."""
    rows = [(number, *picture.path.split("/")) for number, picture in enumerate(shown.pictures, start=1)]
    write_table(path, ("Event_ID", "Category_Prefix", "Image"), rows)


def _concept_name(picture: Picture) -> str:
    return picture.things_concept.split("_", 1)[1]


def _concept_and_instance(picture: Picture) -> tuple[str, int]:
    return _concept_name(picture), picture.instance
