"""What the saliency extraction gives: two images."""

from dataclasses import dataclass

from numpy import ndarray


@dataclass(frozen=True)
class Saliency:
    """The result for one picture.

    Attributes
    ----------
    view : ndarray of uint8, shape (height, width, 3)
        I_a, the weighted picture, RGB.
    map : ndarray of uint8, shape (height, width)
        R_a, 0 (suppressed) to 255 (kept).
    """

    view: ndarray
    map: ndarray
