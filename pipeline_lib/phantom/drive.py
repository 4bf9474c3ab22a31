"""How strongly each picture drives each dipole: early ones by what stands where, mid and late ones by the concept.

Every drive is standardised over the training pictures, so the strengths in :mod:`pipeline_lib.phantom.sources` are
what is left to choose.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from pipeline_lib.phantom.image_set import Picture
from pipeline_lib.phantom.images import COLORS, PATTERNS, SHAPES, Concept
from pipeline_lib.phantom.sources import WAVES
from pipeline_lib.phantom.streams import Stream, generator

GRID = 8  # cells per side of the visual field
FIELD_WIDTH = 0.13  # sd of a receptive field, in picture widths
SPECIFIC = 0.7  # of a concept's late drive is its own, in units of one attribute's share

ATTRIBUTES = {"shape": SHAPES, "pattern": PATTERNS, "color": tuple(COLORS)}
MID_ATTRIBUTES = ("shape", "pattern")


def picture_drives(pictures: Sequence[Picture], folder: Path, *, n_train: int, seed: int) -> dict[str, np.ndarray]:
    """The drive of every wave's dipoles by every picture.

    Parameters
    ----------
    pictures : sequence of Picture
        The shown ones; the first `n_train` set the scale.
    folder : Path
        The image set: the early drive comes from the files, as they are shown.
    n_train : int
        How many of the pictures are training pictures.
    seed : int
        The study's.

    Returns
    -------
    dict of str to ndarray, shape (n_pictures, n_dipoles)
        By wave; mean 0 and variance 1 over the training pictures.
    """
    maps = np.stack([low_level_maps(cv2.imread(str(folder / picture.path))[..., ::-1]) for picture in pictures])
    concepts = [picture.concept for picture in pictures]
    n_dipoles = {wave.name: wave.n_dipoles for wave in WAVES}
    drives = {
        "early": early_drive(standardised(maps, n_train, axis=(0, 2, 3)), n_dipoles["early"], seed),
        "mid": concept_drive(concepts, n_dipoles["mid"], MID_ATTRIBUTES, specific=0.0, seed=seed, wave=1),
        "late": concept_drive(concepts, n_dipoles["late"], tuple(ATTRIBUTES), specific=SPECIFIC, seed=seed, wave=2),
    }
    return {name: standardised(drive, n_train) for name, drive in drives.items()}


def low_level_maps(rgb: np.ndarray) -> np.ndarray:
    """Edge energy, luminance, red-green and blue-yellow contrast of a picture on a coarse grid.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (height, width, 3)
        The picture.

    Returns
    -------
    ndarray of float64, shape (4, GRID, GRID)
    """
    red, green, blue = np.moveaxis(rgb.astype(np.float64) / 255, 2, 0)
    luminance = (red + green + blue) / 3
    edges = np.hypot(cv2.Sobel(luminance, cv2.CV_64F, 1, 0), cv2.Sobel(luminance, cv2.CV_64F, 0, 1))
    maps = (edges, luminance, red - green, blue - (red + green) / 2)
    return np.stack([cv2.resize(each, (GRID, GRID), interpolation=cv2.INTER_AREA) for each in maps])


def early_drive(maps: np.ndarray, n_dipoles: int, seed: int) -> np.ndarray:
    """Each dipole sums its own mixture of the maps over a receptive field in the opposite half of the picture.

    Parameters
    ----------
    maps : ndarray, shape (n_pictures, n_maps, GRID, GRID)
        Standardised low-level maps.
    n_dipoles : int
        Even rows are right-hemisphere dipoles and look at the picture's left half.
    seed : int
        The study's.

    Returns
    -------
    ndarray, shape (n_pictures, n_dipoles)
    """
    rng = generator(seed, Stream.CODES, 0)
    center_x, center_y = rng.uniform(0.05, 0.5, n_dipoles), rng.uniform(0.1, 0.9, n_dipoles)
    center_x[1::2] = 1 - center_x[1::2]
    mixture = rng.normal(size=(n_dipoles, maps.shape[1]))
    cell = (np.arange(GRID) + 0.5) / GRID
    along_x = np.exp(-(((cell - center_x[:, None]) / FIELD_WIDTH) ** 2) / 2)
    along_y = np.exp(-(((cell - center_y[:, None]) / FIELD_WIDTH) ** 2) / 2)
    return np.einsum("pmyx,dm,dy,dx->pd", maps, mixture, along_y, along_x, optimize=True)


def concept_drive(
    concepts: Sequence[Concept], n_dipoles: int, attributes: Sequence[str], *, specific: float, seed: int, wave: int
) -> np.ndarray:
    """A sum of fixed random vectors, one for each attribute's value, plus one for the concept itself.

    Parameters
    ----------
    concepts : sequence of Concept
        One per picture.
    n_dipoles : int
        Length of the vectors.
    attributes : sequence of str
        The attributes that count: fields of :class:`Concept`.
    specific : float
        Size of the concept's own vector, which cannot be guessed from its attributes, in units of an attribute's.
    seed, wave : int
        The study's seed and the number of the wave.

    Returns
    -------
    ndarray, shape (n_pictures, n_dipoles)
    """
    drive = np.zeros((len(concepts), n_dipoles))
    for number, (attribute, values) in enumerate(ATTRIBUTES.items()):
        codes = generator(seed, Stream.CODES, wave, number).normal(size=(len(values), n_dipoles))
        if attribute in attributes:
            drive += codes[[values.index(getattr(concept, attribute)) for concept in concepts]]
    own = {concept: _own_code(concept, n_dipoles, seed, wave) for concept in set(concepts)}
    return drive + specific * np.stack([own[concept] for concept in concepts])


def standardised(values: np.ndarray, n_train: int, axis: int | tuple[int, ...] = 0) -> np.ndarray:
    """`values` with mean 0 and variance 1 over `axis` of the first `n_train` rows; constants become zeros."""
    reference = values[:n_train]
    deviation = reference.std(axis=axis, keepdims=True)
    return (values - reference.mean(axis=axis, keepdims=True)) / np.where(deviation > 1e-12, deviation, np.inf)


def _own_code(concept: Concept, n_dipoles: int, seed: int, wave: int) -> np.ndarray:
    place = [values.index(getattr(concept, attribute)) for attribute, values in ATTRIBUTES.items()]
    return generator(seed, Stream.CODES, wave, len(ATTRIBUTES), *place).normal(size=n_dipoles)
