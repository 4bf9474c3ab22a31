"""Pictures that keep the gist and lose the detail: low resolution, a mosaic, noise.

Each takes and gives 8-bit RGB of the same size and reads nothing but its arguments.
"""

from hashlib import sha256

import cv2
import numpy as np
from numpy import ndarray


def low_resolution(rgb: ndarray, size: int) -> ndarray:
    """Shrink the short side to `size` pixels and enlarge again: means over areas down, bilinear up.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (height, width, 3)
    size : int
        Pixels; a picture that is no larger comes back as it is.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
    """
    height, width = rgb.shape[:2]
    if size >= min(height, width):
        return rgb.copy()
    scale = size / min(height, width)
    small = cv2.resize(rgb, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def mosaic(rgb: ndarray, block: int) -> ndarray:
    """Replace each block of `block` x `block` pixels by its mean colour, block by block from the top left corner.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (height, width, 3)
    block : int
        Pixels. Where the picture's size is no multiple, the blocks at the right and the bottom are smaller.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
    """
    height, width = rgb.shape[:2]
    tops, lefts = np.arange(0, height, block), np.arange(0, width, block)
    heights, widths = np.diff(tops, append=height), np.diff(lefts, append=width)
    sums = np.add.reduceat(np.add.reduceat(rgb, tops, axis=0, dtype=np.float64), lefts, axis=1)
    means = np.rint(sums / (heights[:, None] * widths)[..., None]).astype(np.uint8)
    return means.repeat(heights, axis=0).repeat(widths, axis=1)


def noise(rgb: ndarray, sigma: float, seed: int, image_id: str) -> ndarray:
    """Add Gaussian noise of deviation `sigma` to every pixel and channel, rounded and cut at 0 and 255.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (height, width, 3)
    sigma : float
        Grey levels.
    seed : int
        Another seed, other noise for all images.
    image_id : str
        Each image has its own noise, whatever is computed before it, beside it, or in another process.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
    """
    own = int.from_bytes(sha256(image_id.encode()).digest()[:16], "big")
    drawn = np.random.default_rng([seed, own]).standard_normal(rgb.shape, dtype=np.float32)
    return np.clip(np.rint(rgb + np.float32(sigma) * drawn), 0, 255).astype(np.uint8)
