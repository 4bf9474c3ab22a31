"""Visual saliency extraction: what a briefly flashed eye would see of a picture (NeuroAlign, eqs. 1-3 and 10-13).

Edges say where something is; luminance, contrast and colour say what attracts attention there. The two are compared,
sent through a center-surround antagonism as in the retina, and the result weights the picture.

Every map is float32. A picture is treated on its own, by functions that read nothing but their arguments, so neither
batch size nor thread count nor order can change a result. Borders are mirrored without repeating the edge throughout.
OpenCV filters; the arithmetic between is numpy's, because OpenCV takes a scalar for an array where shapes allow it.
"""

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy import ndarray

from pipeline_lib.stimuli.gaussians import BORDER, filtered, gaussian_weights
from pipeline_lib.stimuli.params import VseParams
from pipeline_lib.stimuli.saliency import Saliency

# Pixels are 8 bit, so the maps of a picture that is not blank differ by more than 1e-4; rounding stays below 1e-6.
CONSTANT_RANGE = 1e-6

Normalization = Literal["zscore", "minmax"]


@dataclass(frozen=True)
class SaliencySteps:
    """The maps on the way, for a panel that shows the steps; each is float32, shape (height, width)."""

    edges: ndarray
    luminance: ndarray
    contrast: ndarray
    color: ndarray
    exogenous: ndarray
    saliency: ndarray
    antagonism: ndarray


def extract_saliency(rgb: ndarray, params: VseParams) -> Saliency:
    """I_a = I · R_a, per pixel and channel (eq. 3).

    Parameters
    ----------
    rgb : ndarray of uint8, shape (height, width, 3)
        The picture, already resized and cropped.
    params : VseParams
        The method's settings; `enabled` and `size` are not read.

    Returns
    -------
    Saliency
        Both images rounded to 8 bit from the unrounded product and map.

    Raises
    ------
    ValueError
        If `rgb` is no 8-bit RGB image.
    """
    weight = saliency_steps(rgb, params).antagonism
    return Saliency(view=_rounded(rgb * cv2.merge([weight] * 3)), map=_rounded(weight * 255))


def saliency_steps(rgb: ndarray, params: VseParams) -> SaliencySteps:
    """Every map from the picture to R_a; parameters and errors as for :func:`extract_saliency`."""
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        raise ValueError(f"rgb must be uint8 of shape (height, width, 3), got {rgb.dtype} of {rgb.shape}")
    unit = rgb * np.float32(1 / 255)
    gray = gray_of(unit)
    edges = edge_map(gray, params.sobel_kernel)
    low_level = luminance_map(gray), contrast_map(gray), color_map(unit)
    exogenous = exogenous_map(low_level, params.alpha, params.normalization)
    saliency = rapid_saliency(edges, exogenous, params.eta, params.normalization)
    return SaliencySteps(edges, *low_level, exogenous, saliency, antagonism(saliency, params))


def gray_of(unit: ndarray) -> ndarray:
    """I_g = 0.299 R + 0.587 G + 0.114 B, the luma of ITU-R BT.601 (the paper names no weights).

    Parameters
    ----------
    unit : ndarray of float32, shape (height, width, 3)
        I, in [0, 1].

    Returns
    -------
    ndarray of float32, shape (height, width)
    """
    return cv2.cvtColor(unit, cv2.COLOR_RGB2GRAY)


def edge_map(gray: ndarray, kernel: int) -> ndarray:
    """F_e = sqrt((∂x I_g)² + (∂y I_g)²) by Sobel operators (eq. 10).

    Parameters
    ----------
    gray : ndarray of float32, shape (height, width)
        I_g.
    kernel : int
        Width of the operators, odd.

    Returns
    -------
    ndarray of float32, shape (height, width)
        In gray values per pixel: a ramp gives its slope. (Operators that are not scaled give 2^(2 kernel - 3) times as
        much; the normalisation that follows makes this the same method.)
    """
    scale = 2.0 ** (3 - 2 * kernel)
    dx = cv2.Sobel(gray, cv2.CV_32F, 1, 0, ksize=kernel, scale=scale, borderType=BORDER)
    dy = cv2.Sobel(gray, cv2.CV_32F, 0, 1, ksize=kernel, scale=scale, borderType=BORDER)
    # Not cv2.magnitude, whose last bit was found to differ from call to call.
    return np.sqrt(dx * dx + dy * dy)


def luminance_map(gray: ndarray) -> ndarray:
    """S_l = |I_g - mean(I_g)|, shape (height, width) as `gray` (eq. 11)."""
    return np.abs(gray - cv2.mean(gray)[0])


def contrast_map(gray: ndarray) -> ndarray:
    """S_d = |I_g - std(I_g)|, shape (height, width) as `gray`; the deviation is over all pixels of I_g (eq. 11)."""
    return np.abs(gray - moments(gray)[1])


def color_map(unit: ndarray) -> ndarray:
    """S_c = Σ_{i≠j} |C_i - C_j| over the ordered pairs of RGB channels (eq. 11), shape (height, width).

    The three distances add up to twice the largest, and each stands there in both orders: S_c = 4 (max - min).
    """
    red, green, blue = cv2.split(unit)
    largest = np.maximum(np.maximum(red, green), blue)
    least = np.minimum(np.minimum(red, green), blue)
    return 4 * (largest - least)


def normalize(values: ndarray, how: Normalization) -> ndarray:
    """𝒩: ``"zscore"`` gives (x - mean) / std, ``"minmax"`` (x - min) / (max - min); a constant map gives zeros.

    Parameters
    ----------
    values : ndarray of float32, shape (height, width)
        A map.
    how : {"zscore", "minmax"}
        The paper writes 𝒩 without saying which.

    Returns
    -------
    ndarray of float32, shape (height, width)
    """
    if is_constant(values):
        return np.zeros_like(values)
    if how == "minmax":
        origin, unit = values.min(), np.ptp(values)
    else:
        origin, unit = moments(values)
    return (values - origin) / unit


def moments(values: ndarray) -> tuple[float, float]:
    """Mean and standard deviation of a map, shape (height, width), float32; summed up in float64.

    OpenCV's own function for both takes four times as long as its sum and its sum of squares together.
    """
    mean = cv2.mean(values)[0]
    variance = cv2.norm(values, cv2.NORM_L2SQR) / values.size - mean**2
    return mean, math.sqrt(max(variance, 0.0))


def is_constant(values: ndarray) -> bool:
    """Whether a map is the same everywhere, but for rounding."""
    return bool(np.ptp(values) <= CONSTANT_RANGE)


def exogenous_map(low_level: tuple[ndarray, ...], alpha: tuple[float, ...], how: Normalization) -> ndarray:
    """E_x = Σ_j α_j 𝒩(S_j) over luminance, contrast and colour; each map is normalised on its own first.

    Parameters
    ----------
    low_level : tuple of 3 ndarray of float32, shape (height, width)
        S_l, S_d, S_c.
    alpha : tuple of 3 float
        Their weights; may be negative.
    how : {"zscore", "minmax"}
        As for :func:`normalize`.

    Returns
    -------
    ndarray of float32, shape (height, width)
    """
    total = np.zeros_like(low_level[0])
    for weight, values in zip(alpha, low_level, strict=True):
        total += weight * normalize(values, how)
    return total


def rapid_saliency(edges: ndarray, exogenous: ndarray, eta: float, how: Normalization) -> ndarray:
    """S_a = σ(𝒩(F_e)) - σ(𝒩(E_x)) + η (eq. 1; Algorithm 1 prints γ for η).

    Parameters
    ----------
    edges, exogenous : ndarray of float32, shape (height, width)
        F_e and E_x.
    eta : float
        η. Without it the absolute value of eq. 2 folds the map, so that it points away from where people look.
    how : {"zscore", "minmax"}
        As for :func:`normalize`.

    Returns
    -------
    ndarray of float32, shape (height, width)
        In (η - 1, η + 1).
    """
    return logistic(normalize(edges, how)) - logistic(normalize(exogenous, how)) + eta


def logistic(values: ndarray) -> ndarray:
    """σ(x) = 1 / (1 + exp(-x)), float32, shape as `values`; written with tanh, which cannot overflow."""
    return 0.5 * np.tanh(0.5 * values) + 0.5


def antagonism(saliency: ndarray, params: VseParams) -> ndarray:
    """R_a = minmax(|(1/N_s) Σ_s [G_c(S_a) - λ G_s(S_a)]_s|^γ), σ_c = 1·s, σ_s = 2·s (eqs. 2, 12, 13).

    Parameters
    ----------
    saliency : ndarray of float32, shape (height, width)
        S_a.
    params : VseParams
        `scales`, `center_sigma`, `surround_sigma`, `surround_weight` (λ) and `gamma` are read.

    Returns
    -------
    ndarray of float32, shape (height, width)
        In [0, 1]; zeros where the response is the same everywhere.
    """
    response = np.abs(filtered(saliency, tuple(gaussian_weights(params).items())))
    if is_constant(response):
        return np.zeros_like(response)
    # min-max takes out any factor, and values that reach 1 stay well above rounding when raised to the power γ.
    return normalize((response / response.max()) ** params.gamma, "minmax")


def _rounded(values: ndarray) -> ndarray:
    return np.rint(values).astype(np.uint8)
