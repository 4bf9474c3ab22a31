"""Where in the phantom's head responses and noise come from: dipoles, their places, directions and latencies.

Directions are in MNE's head coordinates: x to the right ear, y to the nose, z up.
"""

from dataclasses import dataclass, replace

import numpy as np

from pipeline_lib.phantom.streams import Stream, generator


@dataclass(frozen=True)
class Wave:
    """One wave of the visual response: a patch of cortex in each hemisphere that answers at its own time.

    Attributes
    ----------
    name : str
        ``early``, ``mid`` or ``late``.
    direction : tuple of float
        From the head's centre to the right hemisphere's patch; the left one is its mirror image.
    spread : float
        How far dipoles lie apart, relative to their distance from the centre.
    n_dipoles : int
        Even; half of them in each hemisphere.
    latency, jitter, width : float
        Mean peak time, its spread over dipoles, and duration (sd) of a response, in seconds.
    common : float
        The part that all pictures share, in units of the dipoles' own modulation; its sign is the deflection's.
    """

    name: str
    direction: tuple[float, float, float]
    spread: float
    n_dipoles: int
    latency: float
    jitter: float
    width: float
    common: float


# Times and places are those of the visual evoked response: P1 over the occiput, N1 over lateral occipital and parietal
# sites, a long late positivity over the temporal lobe.
WAVES = (
    Wave("early", (0.30, -0.92, 0.20), 0.22, 32, 0.100, 0.010, 0.022, 0.5),
    Wave("mid", (0.62, -0.72, 0.25), 0.25, 24, 0.170, 0.012, 0.028, -0.6),
    Wave("late", (0.88, -0.42, -0.05), 0.28, 32, 0.350, 0.030, 0.065, 0.5),
)
DEPTH = 0.62, 0.76  # of cortical dipoles, as a share of the head's radius: below the skull at 0.9
TILT = 0.5  # folding: how far dipoles lean from the radial direction

N_BACKGROUND, N_ALPHA = 80, 8
ALPHA_DIRECTION, ALPHA_SPREAD = (0.25, -0.85, 0.45), 0.25

# How much one person differs from the next.
POSITION_SHIFT = 0.045  # of the head's radius: about 4 mm
TILT_SHIFT = 0.35
DELAY_SHIFT, LATENCY_SHIFT = 0.006, 0.005  # seconds: of the whole response, and of each dipole
GAIN_SHIFT = 0.25  # sd of the logarithm of each dipole's strength


@dataclass(frozen=True)
class Dipoles:
    """Current dipoles of fixed orientation, in units of the head's radius around its centre.

    Attributes
    ----------
    position, orientation : ndarray, shape (n_dipoles, 3)
        Orientations have unit length.
    strength : ndarray, shape (n_dipoles,)
        Relative moment.
    latency, width : ndarray, shape (n_dipoles,)
        Peak and duration (sd) of a response in seconds; zeros for noise.
    """

    position: np.ndarray
    orientation: np.ndarray
    strength: np.ndarray
    latency: np.ndarray
    width: np.ndarray


def wave_dipoles(wave: Wave, seed: int) -> Dipoles:
    """The dipoles of one wave in the average head; odd rows lie in the left hemisphere."""
    rng = generator(seed, Stream.DIPOLES, WAVES.index(wave))
    patch = np.tile(np.array(wave.direction), (wave.n_dipoles, 1))
    patch[1::2, 0] *= -1
    position = _in_cortex(patch, wave.spread, rng)
    return Dipoles(
        position=position,
        orientation=_unit(_unit(position) + TILT * rng.normal(size=position.shape)),
        strength=np.ones(wave.n_dipoles),
        latency=wave.latency + wave.jitter * rng.uniform(-1, 1, wave.n_dipoles),
        width=np.full(wave.n_dipoles, wave.width),
    )


def of_person(dipoles: Dipoles, rng: np.random.Generator, delay: float) -> Dipoles:
    """The same dipoles in one person's head: moved, turned, and with its own speed and strength.

    Parameters
    ----------
    dipoles : Dipoles
        Of the average head.
    rng : numpy.random.Generator
        The person's.
    delay : float
        Seconds by which the whole person is late.
    """
    moved = dipoles.position + POSITION_SHIFT * rng.normal(size=dipoles.position.shape)
    depth = np.linalg.norm(moved, axis=1, keepdims=True)
    n_dipoles = len(moved)
    return replace(
        dipoles,
        position=_unit(moved) * np.clip(depth, *DEPTH),
        orientation=_unit(dipoles.orientation + TILT_SHIFT * rng.normal(size=moved.shape)),
        strength=dipoles.strength * np.exp(GAIN_SHIFT * rng.normal(size=n_dipoles)),
        latency=dipoles.latency + delay + LATENCY_SHIFT * rng.normal(size=n_dipoles),
    )


def background_dipoles(rng: np.random.Generator) -> Dipoles:
    """Dipoles of ongoing activity, anywhere in the brain and in any direction."""
    direction = _unit(rng.normal(size=(N_BACKGROUND, 3)))
    position = direction * rng.uniform(0.3, DEPTH[1], size=(N_BACKGROUND, 1))
    return _without_response(position, _unit(rng.normal(size=position.shape)))


def alpha_dipoles(rng: np.random.Generator) -> Dipoles:
    """Dipoles of the alpha rhythm, at the back of the head."""
    patch = np.tile(np.array(ALPHA_DIRECTION), (N_ALPHA, 1))
    patch[1::2, 0] *= -1
    position = _in_cortex(patch, ALPHA_SPREAD, rng)
    return _without_response(position, _unit(_unit(position) + TILT * rng.normal(size=position.shape)))


def _in_cortex(patch: np.ndarray, spread: float, rng: np.random.Generator) -> np.ndarray:
    direction = _unit(_unit(patch) + spread * rng.normal(size=patch.shape))
    return direction * rng.uniform(*DEPTH, size=(len(patch), 1))


def _without_response(position: np.ndarray, orientation: np.ndarray) -> Dipoles:
    zeros = np.zeros(len(position))
    return Dipoles(position, orientation, np.ones(len(position)), zeros, zeros)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
