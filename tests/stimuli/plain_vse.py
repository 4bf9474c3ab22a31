"""The saliency extraction a second time: float64, numpy and scipy.ndimage, written down as methods.md states it."""

import numpy as np
from scipy import ndimage

SMOOTH = {3: [1, 2, 1], 5: [1, 4, 6, 4, 1], 7: [1, 6, 15, 20, 15, 6, 1]}
DERIVE = {3: [-1, 0, 1], 5: [-1, -2, 0, 2, 1], 7: [-1, -4, -5, 0, 5, 4, 1]}
PAIRS = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]


def plain_gray(rgb):
    return (rgb.astype(float) / 255) @ [0.299, 0.587, 0.114]


def plain_edges(gray, kernel):
    def sobel(axis):
        derived = ndimage.correlate1d(gray, DERIVE[kernel], axis=axis, mode="mirror")
        return ndimage.correlate1d(derived, SMOOTH[kernel], axis=1 - axis, mode="mirror")

    slope = sum(SMOOTH[kernel]) * float(np.dot(DERIVE[kernel], np.arange(kernel)))
    return np.hypot(sobel(0), sobel(1)) / slope


def plain_low_level(rgb):
    gray, unit = plain_gray(rgb), rgb.astype(float) / 255
    color = sum(np.abs(unit[..., i] - unit[..., j]) for i, j in PAIRS)
    return np.abs(gray - gray.mean()), np.abs(gray - gray.std()), color


def plain_normal(values, how):
    if np.ptp(values) < 1e-9:
        return np.zeros_like(values)
    if how == "zscore":
        return (values - values.mean()) / values.std()
    return (values - values.min()) / np.ptp(values)


def plain_saliency(rgb, params):
    def gate(values):
        return 1 / (1 + np.exp(-plain_normal(values, params.normalization)))

    maps = [plain_normal(values, params.normalization) for values in plain_low_level(rgb)]
    exogenous = sum(weight * values for weight, values in zip(params.alpha, maps, strict=True))
    return gate(plain_edges(plain_gray(rgb), params.sobel_kernel)) - gate(exogenous) + params.eta


def plain_antagonism(saliency, params):
    def blur(sigma):
        return ndimage.gaussian_filter(saliency, sigma, mode="mirror", truncate=4.0)

    responses = [
        blur(params.center_sigma * scale) - params.surround_weight * blur(params.surround_sigma * scale)
        for scale in params.scales
    ]
    return plain_normal(np.abs(np.mean(responses, axis=0)) ** params.gamma, "minmax")
