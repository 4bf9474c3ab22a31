"""Sums of Gaussian filters over a picture, as the center-surround antagonism of the saliency needs them (eqs. 12, 13).

All Gaussians of all scales are one kernel, and filtering by it is one product of spectra: for a picture of 224 pixels
and four Gaussians up to 65 pixels wide that takes half the time of filtering by one after the other.
Borders are mirrored without repeating the edge before, so that nothing comes round from the other side.
"""

import math
from collections import defaultdict
from functools import lru_cache

import cv2
import numpy as np
from numpy import ndarray

from pipeline_lib.stimuli.params import VseParams

GAUSSIAN_CUT = 4.0
BORDER = cv2.BORDER_REFLECT_101

Weights = tuple[tuple[float, float], ...]


def gaussian_weights(params: VseParams) -> dict[float, float]:
    """The weight of each distinct σ in the mean over scales: filters that occur at two scales count once."""
    weights: dict[float, float] = defaultdict(float)
    for scale in params.scales:
        weights[params.center_sigma * scale] += 1 / len(params.scales)
        weights[params.surround_sigma * scale] -= params.surround_weight / len(params.scales)
    return {sigma: weight for sigma, weight in weights.items() if weight}


def filtered(values: ndarray, weights: Weights) -> ndarray:
    """Σ_σ w_σ G_σ over `values`, G_σ(x, y) ∝ exp(-(x² + y²) / 2σ²), cut at 4 σ and normalised to sum 1.

    Parameters
    ----------
    values : ndarray of float32, shape (height, width)
        A map.
    weights : tuple of (float, float)
        Each σ in pixels, and its weight.

    Returns
    -------
    ndarray of float32, shape (height, width)
    """
    if not weights:
        return np.zeros_like(values)
    (height, width), reach = values.shape, radius_of(max(sigma for sigma, _ in weights))
    rows, columns = (cv2.getOptimalDFTSize(size + 2 * reach) for size in values.shape)
    below, right = rows - height - reach, columns - width - reach
    mirrored = cv2.copyMakeBorder(values, reach, below, reach, right, BORDER)
    product = cv2.mulSpectrums(cv2.dft(mirrored), _spectrum(rows, columns, weights), 0)
    both = cv2.idft(product, flags=cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT)
    return np.ascontiguousarray(both[2 * reach : 2 * reach + height, 2 * reach : 2 * reach + width])


def radius_of(sigma: float) -> int:
    """Pixels on each side at which a Gaussian is cut."""
    return max(1, math.floor(GAUSSIAN_CUT * sigma + 0.5))


@lru_cache(maxsize=1)
def _spectrum(rows: int, columns: int, weights: Weights) -> ndarray:
    """Of the kernel, whose corner lies at the origin: what it filters comes out shifted by its radius."""
    reach = radius_of(max(sigma for sigma, _ in weights))
    kernel = np.zeros((rows, columns), np.float32)
    for sigma, weight in weights:
        radius = radius_of(sigma)
        line = cv2.getGaussianKernel(2 * radius + 1, sigma, cv2.CV_64F)
        place = slice(reach - radius, reach + radius + 1)
        kernel[place, place] += weight * (line @ line.T)
    return cv2.dft(kernel)
