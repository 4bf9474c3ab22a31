"""One person of the phantom study: the average head, its responses and its noise, each changed a little."""

from dataclasses import dataclass

import numpy as np

from pipeline_lib.phantom.modality import Modality
from pipeline_lib.phantom.noise import NoiseModel, scaled
from pipeline_lib.phantom.sources import (
    DELAY_SHIFT,
    WAVES,
    Dipoles,
    Wave,
    alpha_dipoles,
    background_dipoles,
    of_person,
    wave_dipoles,
)
from pipeline_lib.phantom.streams import Stream, generator

# Amplitude of the part of each response whose link to the picture is the person's own (its square is the share of
# variance). It sets how far one person's decoder serves another: at 0 people differ in their heads alone.
IDIOSYNCRASY = 0.6
TARGET_STRENGTH = 2.0  # a target's drive in units of a typical picture's
ALPHA_FREQUENCY = 10.0, 0.5  # Hz: mean and sd over people


@dataclass(frozen=True)
class Response:
    """One wave in one person's head.

    Attributes
    ----------
    dipoles : Dipoles
        Where and when.
    gain : ndarray, shape (n_channels, n_dipoles)
        Volts (EEG) or tesla (MEG) per unit of drive.
    mixing : ndarray, shape (n_dipoles, n_dipoles)
        The average person's drives times this are this person's.
    common : float
        Drive by any event at all.
    target : ndarray, shape (n_dipoles,)
        Further drive by a target.
    """

    dipoles: Dipoles
    gain: np.ndarray
    mixing: np.ndarray
    common: float
    target: np.ndarray


@dataclass(frozen=True)
class Person:
    """What makes one person's recordings: a response for each wave, by its name, and the noise."""

    responses: dict[str, Response]
    noise: NoiseModel


def make_person(seed: int, number: int, modality: Modality) -> Person:
    """Person `number`, counted from 1, of the study with this seed; the same head whatever the modality."""
    rng = generator(seed, Stream.PERSON, number)
    delay = rng.normal(0, DELAY_SHIFT)
    return Person(
        responses={wave.name: _response(wave, seed, rng, delay, modality) for wave in WAVES},
        noise=NoiseModel(
            background=modality.gain(background_dipoles(rng)),
            alpha=modality.gain(alpha_dipoles(rng)),
            alpha_frequency=rng.normal(*ALPHA_FREQUENCY),
            levels=modality.noise,
        ),
    )


def _response(wave: Wave, seed: int, rng: np.random.Generator, delay: float, modality: Modality) -> Response:
    dipoles = of_person(wave_dipoles(wave, seed), rng, delay)
    n_dipoles = wave.n_dipoles
    own = rng.normal(size=(n_dipoles, n_dipoles)) / np.sqrt(n_dipoles)
    return Response(
        dipoles=dipoles,
        gain=scaled(modality.gain(dipoles), modality.evoked[wave.name]),
        mixing=np.sqrt(1 - IDIOSYNCRASY**2) * np.eye(n_dipoles) + IDIOSYNCRASY * own,
        common=wave.common,
        target=TARGET_STRENGTH * rng.normal(size=n_dipoles),
    )
