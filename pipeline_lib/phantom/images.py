"""Drawn pictures of the phantom study: a shape with a pattern and a colour in front of a cluttered background.

A concept is one of 6 shapes x 5 patterns x 8 colours. Place, size, tilt, background and light are random, so two
pictures of one concept share little but the concept, as two photographs of one thing do. Everything random is drawn
before anything is painted and lengths are fractions of the picture's side, so one generator state gives one scene at
any size. Legible at 64 pixels.
"""

from itertools import product
from typing import NamedTuple

import cv2
import numpy as np

from pipeline_lib.common.errors import InputError

SHAPES = ("circle", "triangle", "star", "cross", "ring", "crescent")
PATTERNS = ("plain", "striped", "dotted", "checkered", "gradient")
COLORS = {
    "red": (215, 35, 35),
    "green": (40, 175, 60),
    "blue": (45, 75, 225),
    "yellow": (240, 220, 45),
    "purple": (150, 50, 190),
    "orange": (245, 135, 20),
    "cyan": (45, 205, 215),
    "white": (242, 242, 242),
}

SUPERSAMPLING = 2  # edges are painted at this multiple of the wanted size and averaged down
TEXTURE_CELLS, GRAIN_CELLS = 9, 64  # cells per side of the background's mottling and of the picture's grain
DARK = 0.3  # brightness of a pattern's dark parts, relative to its bright parts


class Concept(NamedTuple):
    """What a picture shows."""

    shape: str
    pattern: str
    color: str


ALL_CONCEPTS = tuple(Concept(*names) for names in product(SHAPES, PATTERNS, COLORS))


def caption_of(concept: Concept) -> str:
    """The concept in words, such as ``"striped red star"``."""
    return f"{concept.pattern} {concept.color} {concept.shape}"


def sentence_of(concept: Concept) -> str:
    """The caption of a picture, such as ``"a photo of a striped red star"``."""
    return f"a photo of a {caption_of(concept)}"


def split_concepts(seed: int, n_train: int, n_test: int) -> tuple[list[Concept], list[Concept]]:
    """Training and test concepts that share no combination.

    Parameters
    ----------
    seed : int
        Of the shuffle. The test concepts depend on `seed` and `n_test` alone.
    n_train, n_test : int
        How many of each.

    Returns
    -------
    train, test : list of Concept

    Raises
    ------
    InputError
        If there are not enough combinations.
    """
    if min(n_train, n_test) < 1 or n_train + n_test > len(ALL_CONCEPTS):
        raise InputError(
            f"phantom.train_concepts is {n_train} and phantom.test_concepts is {n_test}: "
            f"at least 1 of each, and together at most {len(ALL_CONCEPTS)} combinations can be drawn"
        )
    shuffled = [ALL_CONCEPTS[index] for index in np.random.default_rng(seed).permutation(len(ALL_CONCEPTS))]
    return shuffled[n_test : n_test + n_train], shuffled[:n_test]


def draw(concept: Concept, rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw one picture of `concept`.

    Parameters
    ----------
    concept : Concept
        What it shows.
    rng : numpy.random.Generator
        Decides place, size, tilt, background and light. The same state gives the same scene at every `size`.
    size : int
        Side in pixels.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
        RGB.
    """
    side = size * SUPERSAMPLING
    canvas = _background(rng, side)
    u, v = _object_coordinates(rng, side)
    phase = rng.uniform(0, 1, 2)
    paint = np.array(COLORS[concept.color], np.float32) * _tone(concept.pattern, u, v, phase)[..., None]
    canvas = np.where(_inside(concept.shape, u, v)[..., None], paint, canvas)
    canvas = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    return np.clip(np.rint(_lit(canvas, rng)), 0, 255).astype(np.uint8)


def _object_coordinates(rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Right and down in the object's own frame, where its outline is about 1 from its centre."""
    center = 0.5 + rng.uniform(-0.08, 0.08, 2)
    radius = rng.uniform(0.29, 0.38)
    tilt = np.deg2rad(rng.uniform(-20, 20))
    down, right = np.mgrid[0:side, 0:side].astype(np.float32)
    x, y = (right + 0.5) / side - center[0], (down + 0.5) / side - center[1]
    u = (x * np.cos(tilt) + y * np.sin(tilt)) / radius
    v = (y * np.cos(tilt) - x * np.sin(tilt)) / radius
    return u.astype(np.float32), v.astype(np.float32)


def _inside(shape: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    distance = np.hypot(u, v)
    match shape:
        case "circle":
            return distance < 0.9
        case "triangle":
            return (v < 0.68) & (abs(u) < 0.6 * (v + 1))
        case "star":
            return _inside_star(distance, np.arctan2(u, -v))
        case "cross":
            return (np.minimum(abs(u), abs(v)) < 0.32) & (np.maximum(abs(u), abs(v)) < 0.95)
        case "ring":
            return (distance > 0.5) & (distance < 1)
        case "crescent":
            return (distance < 1) & (np.hypot(u - 0.5, v) > 0.78)
    raise ValueError(f"shape is {shape!r}, allowed: {', '.join(SHAPES)}")


def _inside_star(distance: np.ndarray, angle: np.ndarray, outer: float = 1.1, inner: float = 0.46) -> np.ndarray:
    """Five straight-edged points: by symmetry, the side of one edge (tip to notch) that a point lies on."""
    half = np.pi / 5
    folded = abs((angle + half) % (2 * half) - half)
    x, y = distance * np.cos(folded), distance * np.sin(folded)
    notch_x, notch_y = inner * np.cos(half), inner * np.sin(half)
    return (outer - x) * notch_y > y * (outer - notch_x)


def _tone(pattern: str, u: np.ndarray, v: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Brightness over the object, `DARK` to 1; `phase` shifts the pattern by a part of its period."""
    match pattern:
        case "plain":
            bright = np.ones_like(u, dtype=bool)
        case "striped":
            bright = _cycle(v, 0.5, phase[0]) < 0.5
        case "dotted":
            bright = np.hypot(_cycle(u, 0.5, phase[0]) - 0.5, _cycle(v, 0.5, phase[1]) - 0.5) > 0.31
        case "checkered":
            bright = (_cycle(u, 0.8, phase[0]) < 0.5) ^ (_cycle(v, 0.8, phase[1]) < 0.5)
        case "gradient":
            return np.clip(0.55 - 0.55 * v, 0.12, 1)
        case _:
            raise ValueError(f"pattern is {pattern!r}, allowed: {', '.join(PATTERNS)}")
    return np.where(bright, np.float32(1), np.float32(DARK))


def _cycle(position: np.ndarray, period: float, phase: float) -> np.ndarray:
    return (position / period + phase) % 1


def _background(rng: np.random.Generator, side: int) -> np.ndarray:
    """Mottled ground of a muted colour with a few blobs and lines of other muted colours."""
    ground = rng.uniform(65, 135) + rng.uniform(-22, 22, 3)
    mottling = rng.normal(0, 12, (TEXTURE_CELLS, TEXTURE_CELLS, 3)).astype(np.float32)
    canvas = ground.astype(np.float32) + cv2.resize(mottling, (side, side), interpolation=cv2.INTER_CUBIC)
    for _ in range(rng.integers(3, 6)):
        _add_blob(canvas, rng)
    for _ in range(rng.integers(2, 5)):
        _add_line(canvas, rng)
    return canvas


def _muted(rng: np.random.Generator) -> tuple[float, ...]:
    return tuple(float(value) for value in rng.uniform(60, 145) + rng.uniform(-25, 25, 3))


def _add_blob(canvas: np.ndarray, rng: np.random.Generator) -> None:
    side = len(canvas)
    x, y = rng.uniform(0, 1, 2) * side
    axes = rng.uniform(0.04, 0.13, 2) * side
    angle = rng.uniform(0, 180)
    cv2.ellipse(canvas, ((x, y), (2 * axes[0], 2 * axes[1]), angle), _muted(rng), thickness=-1)


def _add_line(canvas: np.ndarray, rng: np.random.Generator) -> None:
    side = len(canvas)
    ends = np.rint(rng.uniform(-0.1, 1.1, (2, 2)) * side).astype(int)
    thickness = max(1, round(rng.uniform(0.012, 0.03) * side))
    cv2.line(canvas, tuple(map(int, ends[0])), tuple(map(int, ends[1])), _muted(rng), thickness)


def _lit(canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light from one side, an exposure, and the grain of a camera."""
    size = len(canvas)
    slope = rng.uniform(-0.18, 0.18, 2)
    gain = rng.uniform(0.8, 1.1)
    grain = rng.normal(0, 4, (GRAIN_CELLS, GRAIN_CELLS, 3)).astype(np.float32)
    place = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    light = gain * (1 + slope[0] * place[None, :] + slope[1] * place[:, None])
    return canvas * light[..., None] + cv2.resize(grain, (size, size), interpolation=cv2.INTER_LINEAR)
