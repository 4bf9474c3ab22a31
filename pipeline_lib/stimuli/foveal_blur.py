"""Foveal blur: sharpest where the eye rests, more of the blurred picture towards the border (UBP).

    out = m · img + (1 - m) · G(img)        m(r) = peak · exp(-falloff · min(1, r / r_max))

r is the distance from the middle of the picture, r_max that of its corners, G a Gaussian blur. UBP has peak 0.5 and
falloff 3, so that half of the middle is blurred, too, and kernels of 45, 51 and 57 pixels for pictures of 224. With
peak 0 the whole picture is blurred alike.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy import ndarray

from pipeline_lib.stimuli.params import BlurParams

BORDER = cv2.BORDER_REFLECT_101


def foveal_blur(rgb: ndarray, kernel: int, params: BlurParams) -> ndarray:
    """Blur a picture towards its border.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (height, width, 3)
        The picture, already resized and cropped.
    kernel : int
        Width of the Gaussian kernel in pixels, odd. Borders are mirrored without repeating the edge.
    params : BlurParams
        `peak` and `falloff` are read.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        Rounded once, at the end.
    """
    sharp = rgb.astype(np.float32)
    weights = cv2.getGaussianKernel(kernel, sigma_of(kernel), cv2.CV_32F)
    blurred = cv2.sepFilter2D(sharp, cv2.CV_32F, weights, weights, borderType=BORDER)
    mask = foveal_mask(*rgb.shape[:2], params.peak, params.falloff)[..., None]
    return np.clip(np.rint(blurred + mask * (sharp - blurred)), 0, 255).astype(np.uint8)


def sigma_of(kernel: int) -> float:
    """σ = 0.3 ((kernel - 1) / 2 - 1) + 0.8 pixels.

    The paper names kernels and no σ; this is our reading, the rule by which OpenCV and torchvision's functional blur
    choose σ when only the kernel is given.
    """
    return 0.3 * ((kernel - 1) / 2 - 1) + 0.8


@lru_cache(maxsize=8)
def foveal_mask(height: int, width: int, peak: float, falloff: float) -> ndarray:
    """m, the share of the sharp picture: float32, shape (height, width); do not change it, it is used again."""
    rows, columns = (np.arange(side) - (side - 1) / 2 for side in (height, width))
    distance = np.hypot(rows[:, None], columns)
    reach = distance / max(distance.max(), np.finfo(float).tiny)  # a single pixel is all middle
    return (peak * np.exp(-falloff * reach)).astype(np.float32)
