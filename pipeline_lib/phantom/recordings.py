"""The phantom's recordings in the layout of THINGS-EEG2's authors: a pickled dictionary per session and partition."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline_lib.phantom.design import SFREQ, event_codes, event_onsets, recording_length
from pipeline_lib.phantom.drive import picture_drives
from pipeline_lib.phantom.electrodes import CHANNELS
from pipeline_lib.phantom.evoked import evoked_recording
from pipeline_lib.phantom.image_set import ImageSet
from pipeline_lib.phantom.modality import MODALITIES
from pipeline_lib.phantom.noise import LOWPASS, recorded_noise
from pipeline_lib.phantom.params import PhantomParams
from pipeline_lib.phantom.person import Person, make_person
from pipeline_lib.phantom.streams import Stream, generator

HIGHPASS = 0.01  # Hz: what the real recordings' header says
PARTITIONS = ("training", "test")

Partition = Literal["training", "test"]
Drives = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Session:
    """One file to be recorded: partition `partition` of session `session` of subject `subject`, both from 1."""

    subject: int
    session: int
    partition: Partition

    @property
    def path(self) -> str:
        """The file below the study's root."""
        return f"sub-{self.subject:02d}/ses-{self.session:02d}/raw_eeg_{self.partition}.npy"


def planned_sessions(params: PhantomParams) -> list[Session]:
    """Every file of the study."""
    return [
        Session(subject, session, partition)
        for subject in range(1, params.subjects + 1)
        for session in range(1, params.sessions + 1)
        for partition in PARTITIONS
    ]


def shown_drives(images: ImageSet, folder: Path, seed: int) -> dict[Partition, Drives]:
    """What the pictures of each partition, read from `folder`, do to the average person's dipoles."""
    n_train = len(images.train)
    drives = picture_drives([*images.train, *images.test], folder, n_train=n_train, seed=seed)
    return {
        "training": {name: drive[:n_train] for name, drive in drives.items()},
        "test": {name: drive[n_train:] for name, drive in drives.items()},
    }


def write_recordings(images: ImageSet, folder: Path, root: Path, params: PhantomParams) -> Iterator[Path]:
    """Record and write every session.

    Parameters
    ----------
    images : ImageSet
        What is shown.
    folder : Path
        Where its files are.
    root : Path
        The study's root folder.
    params : PhantomParams
        The study's size and signal.

    Yields
    ------
    Path
        Each file, once it is written.
    """
    drives = shown_drives(images, folder, params.seed)
    people: dict[int, Person] = {}
    for session in planned_sessions(params):
        if session.subject not in people:
            people = {session.subject: make_person(params.seed, session.subject, MODALITIES["eeg"])}
        path = root / session.path
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = record(people[session.subject], session, drives[session.partition], params)
        np.save(path, as_authors(raw), allow_pickle=True)
        yield path


def record(person: Person, session: Session, drives: Drives, params: PhantomParams) -> np.ndarray:
    """Record one person's session.

    Parameters
    ----------
    person : Person
        Who is recorded.
    session : Session
        Decides the order of presentation and the noise, with `params.seed`.
    drives : mapping of str to ndarray, shape (n_pictures, n_dipoles)
        By wave: what the shown pictures do.
    params : PhantomParams
        Repeats, targets, signal.

    Returns
    -------
    ndarray of float64, shape (64, n_samples)
        63 channels in volts, and the stim channel.
    """
    which = session.subject, session.session, PARTITIONS.index(session.partition)
    repeats = params.train_repeats if session.partition == "training" else params.test_repeats
    n_pictures = len(drives["early"])
    codes = event_codes(generator(params.seed, Stream.DESIGN, *which), n_pictures, repeats, params.target_share)
    onsets = event_onsets(len(codes))
    n_samples = recording_length(onsets)
    raw = np.zeros((len(CHANNELS) + 1, n_samples))
    noise = generator(params.seed, Stream.NOISE, *which)
    raw[:-1] = measured(person, drives, codes, onsets, n_samples, SFREQ, noise=noise, snr=params.snr)
    raw[-1, onsets] = codes
    return raw


def measured(
    person: Person,
    drives: Drives,
    codes: np.ndarray,
    onsets: np.ndarray,
    n_samples: int,
    sfreq: float,
    *,
    noise: np.random.Generator,
    snr: float,
) -> np.ndarray:
    """What the sensors measure of a brain at work.

    Parameters
    ----------
    person : Person
        Who is recorded.
    drives : mapping of str to ndarray, shape (n_pictures, n_dipoles)
        By wave: what the picture with code row + 1 does.
    codes, onsets : ndarray of int, shape (n_events,)
        What is shown, and from which sample on.
    n_samples : int
        Length.
    sfreq : float
        Hz.
    noise : numpy.random.Generator
        Decides the noise.
    snr : float
        Factor on the evoked responses.

    Returns
    -------
    ndarray of float64, shape (n_channels, n_samples)
        Volts (EEG) or tesla (MEG).
    """
    data = recorded_noise(person.noise, noise, n_samples, sfreq)
    data += snr * evoked_recording(person.responses, drives, codes, onsets, n_samples, sfreq)
    return data


def as_authors(raw: np.ndarray) -> dict[str, Any]:
    """The dictionary in which the authors of THINGS-EEG2 keep a recording of shape (64, n_samples)."""
    return {
        "raw_eeg_data": raw,
        "ch_names": [*CHANNELS, "stim"],
        "ch_types": ["eeg"] * len(CHANNELS) + ["stim"],
        "sfreq": SFREQ,
        "highpass": HIGHPASS,
        "lowpass": LOWPASS,
    }
