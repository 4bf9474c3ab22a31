"""Pictures for a captioner."""

from pathlib import Path

import cv2
import numpy as np

from pipeline_lib.stimuli.images import with_image

# No model sees more than a few million pixels; a batch of 64 images of this size is 0.8 GB.
MOST_PIXELS = 1 << 22


def read_picture(path: Path) -> np.ndarray:
    """A picture, made smaller by the mean over areas where it is larger than any model looks at."""
    return with_image(path, _made_smaller)


def _made_smaller(rgb: np.ndarray) -> np.ndarray:
    height, width = rgb.shape[:2]
    shrink = (MOST_PIXELS / (height * width)) ** 0.5
    if shrink >= 1:
        return rgb
    return cv2.resize(rgb, (max(1, int(width * shrink)), max(1, int(height * shrink))), interpolation=cv2.INTER_AREA)
